package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"path"
	"reflect"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
)

// FuzzIndex: whatever registry.json holds, it is refused or read, and what was read is written and read again
// as the same, names nothing outside files/, and is in order.
func FuzzIndex(f *testing.F) {
	x := &Index{}
	for _, name := range []string{"a.dump", "dir/b.sql.gz"} {
		b := record(name)
		b.Status = Success
		x.Upsert(b)
	}
	good, err := x.marshal()
	must(f, err)
	f.Add(good)
	for _, d := range damages {
		f.Add(d.do(append([]byte(nil), good...)))
	}
	for from, to := range map[string]string{`"size":0`: `"size":-1`, `"duration":0`: `"duration":4611686018427387904`, `"createdAt":"20`: `"createdAt":"29`, `"trigger"`: `"verification":{},"trigger"`} {
		f.Add(bytes.ReplaceAll(good, []byte(from), []byte(to)))
	}
	f.Add([]byte(`{"Version":2}`))
	p := describePage(x.Backups, mustPage(f, x.Backups))
	with, err := (&Index{Pages: []Page{p}, Swept: 3}).marshal()
	must(f, err)
	f.Add(with)
	f.Add(bytes.Replace(with, []byte(`"count":1`), []byte(`"count":-1`), -1))
	f.Add(bytes.Replace(with, []byte(p.First), []byte(p.Last), 2))
	f.Add([]byte(`{"version":1,"version":2,"backups":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		x, err := parseIndex(data)
		if (&Index{}).salvage(data); err != nil {
			return
		}
		for i, b := range x.Backups {
			if !canBe(b) || !inside(b.Filepath) || !ValidID(b.ID) || i > 0 && b.ID <= x.Backups[i-1].ID || strings.Contains(b.Filename, "/") {
				t.Errorf("accepted %+v", b)
			}
		}
		again, err := x.marshal()
		must(t, err)
		y, err := parseIndex(again)
		if err != nil || !equalJSON(x, y) {
			t.Errorf("%v: %s", err, again)
		}
	})
}

// inside says in other words than validFilepath what it must guarantee.
func inside(p string) bool {
	return path.Clean(p) == p && strings.HasPrefix(p, "files/") && !strings.ContainsAny(p, "\\\x00\n\r\x7f") && len(p) <= 900
}

// canBe reports whether a record's figures can be added up, and whatever is wrong with it has a name.
func canBe(b Backup) bool {
	named := b.Verification == nil || b.Verification.OK || len(b.Verification.Problems) > 0
	dated := b.CreatedAt.Year() <= lastYear || b.Status != Success || b.Damaged()
	return b.Size >= 0 && b.Size <= maxSize && b.Duration >= 0 && b.Duration <= maxDuration && b.UncompressedSize >= 0 && named && dated
}

// FuzzRecords: intents and manifests.
func FuzzRecords(f *testing.F) {
	b := record("a.dump")
	b.Status = Failed
	for _, v := range []any{Intent{Version: 1, Kind: kindCreate, Backup: b}, Intent{Version: 1, Kind: kindRemove, By: "ana", Backup: b}, Manifest{Version: 1, Backup: b}, "text", []int{1}} {
		data, err := encode(v)
		must(f, err)
		f.Add(b.ID, data)
		f.Add(newID(), data)
	}
	f.Add(b.ID, []byte(`{"version":9}`))
	f.Fuzz(func(t *testing.T, id string, data []byte) {
		in, err := parseIntent(IntentKey(id), id, data)
		if err == nil && (in.Backup.ID != id || !ValidID(id) || !inside(in.Backup.Filepath) || in.Version > recordVersion || !canBe(in.Backup) || in.lease() > 30*24*time.Hour) {
			t.Errorf("accepted %+v", in)
		}
		if rem, rerr := parseIntent(RemovalKey(id), id, data); rerr == nil && (err != nil || rem.Kind != kindRemove) {
			t.Errorf("accepted as a removal: %+v", rem)
		}
		m, merr := parseManifest(id, data)
		if merr == nil && (m.Backup.ID != id || !ValidID(id) || !inside(m.Backup.Filepath) || m.Version != recordVersion || m.Backup.Status == InProgress || !canBe(m.Backup)) {
			t.Errorf("accepted %+v", m)
		}
		for _, err := range []error{err, merr} {
			if err != nil && !isDamaged(err) && !fault.HasReason(err, fault.NewerVersion) {
				t.Errorf("error is %v", err)
			}
		}
	})
}

// FuzzTags: a record made from tags is one that could have been written, and has those tags.
func FuzzTags(f *testing.F) {
	b := record("dir/a.dump")
	b.Status, b.Checksum, b.Duration = Success, strings.Repeat("ab", 32), 1234
	good, err := json.Marshal(Tags(b))
	must(f, err)
	f.Add(b.Filepath, good)
	f.Add("files/../x", good)
	f.Add("files/x", []byte(`{"status":"success","created-at":"2025-01-09T14:30:00Z","duration":"9999999999999999999"}`))
	f.Fuzz(func(t *testing.T, key string, data []byte) {
		var tags map[string]string
		if json.Unmarshal(data, &tags) != nil {
			return
		}
		b, err := fromTags(key, 1, tags)
		if err != nil {
			return
		}
		if checkRecord(&b) != nil || b.Status != Success || !inside(b.Filepath) {
			t.Errorf("accepted %+v", b)
		}
		c, err := fromTags(key, 1, Tags(b))
		if err != nil || c.ID != b.ID || c.Checksum != b.Checksum || !c.CreatedAt.Equal(b.CreatedAt) || c.Duration != b.Duration {
			t.Errorf("%v:\n%+v\n%+v", err, b, c)
		}
	})
}

// FuzzNames: keys and ids.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"files/a", "files/", "files//a", "files/./a", "files/../a", "/files/a", "files/a\\b", "files/a\x00", "files/é/\xff",
		newID(), strings.ToLower(newID()), "80000000000000000000000000", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if validFilepath(s) && !inside(s) {
			t.Errorf("accepted %q", s)
		}
		if ValidID(s) && (len(s) != 26 || strings.ToUpper(s) != s || strings.ContainsAny(s, "ILOU/.")) {
			t.Errorf("accepted %q", s)
		}
		for _, key := range []string{s, ManifestsPrefix + s + ".json"} {
			if id := idOf(key, ManifestsPrefix); id != "" && ManifestKey(id) != key {
				t.Errorf("%q has the id %q", key, id)
			}
		}
		if !ValidID(s) {
			if _, err := New(nil, Options{}).Claim(context.Background(), s, "x"); !fault.HasReason(err, fault.NotFound) {
				t.Error(err)
			}
		}
	})
}

// FuzzBlock: what is accepted as a block is written back as it was.
func FuzzBlock(f *testing.F) {
	for _, s := range []string{Block{DumpID: 3, Offset: 4096, Length: 17, CRC32C: 0xabc}.String(), "", "1 2 3 4", "1 -2 3 00000004", "99999999999 1 1 00000000", "1 2 3 00000004 5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b, err := ParseBlock(s)
		if err == nil && (b.String() != s || b.Offset < 0 || b.Length < 0) {
			t.Errorf("%q is read as %+v", s, b)
		}
		if err != nil && !isDamaged(err) {
			t.Error(err)
		}
	})
}

// FuzzQuick: what is read quickly is read as encoding/json reads it.
func FuzzQuick(f *testing.F) {
	full := fullRecord(f)
	data, err := json.Marshal(full)
	must(f, err)
	f.Add(data)
	f.Add([]byte(`{"id":"é","size":-12,"verification":{"ok":false,"at":"2026-01-01T00:00:00.5+01:00"}}`))
	for _, s := range []string{`{}`, `{"id":"a\n"}`, `{"ID":"a"}`, `{"size":01}`, `{"size":-0}`, `{"size":1e3}`, `{"size":999999999999999999}`, `{"size":9999999999999999999}`, `{"size":null}`, `{"stored":{},"stored":{"etag":"x"}}`,
		`{"server":{"databaseOid":4294967296}}`, `{"labels":{"a":"b"},"labels":{}}`, `{"id":"a",}`, `{"id":"a"}}`, "{\"id\":\"\xff\"}", `{"verifications":[{"ok":true}],"verifications":null}`, `{"createdAt":"2026-01-01"}`, `{"jobs":1.0}`, `{"x":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got, want Backup
		if !quickRecord(data, &got, &full) {
			return
		}
		if err := json.Unmarshal(data, &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is read as %+v, not as %+v, %v", data, got, want, err)
		}
	})
}

// fullRecord is a record with something in every field.
func fullRecord(t testing.TB) (b Backup) {
	fillValue(t, reflect.ValueOf(&b).Elem())
	return b
}

func fillValue(t testing.TB, v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)))
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("json") != "-" {
				fillValue(t, v.Field(i))
			}
		}
	case v.Kind() == reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(t, v.Elem())
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillValue(t, v.Index(0))
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("key"), reflect.ValueOf("value"))
	case v.Kind() == reflect.String:
		v.SetString("some text")
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.CanInt():
		v.SetInt(12)
	case v.CanUint():
		v.SetUint(12)
	default:
		t.Fatalf("a record has a %s", v.Type())
	}
}

// Every field of a record is read quickly: a new one must not send all records the slow way.
func TestQuickKnowsEveryField(t *testing.T) {
	want := fullRecord(t)
	data, err := json.Marshal(want)
	must(t, err)
	var got Backup
	if !quickRecord(data, &got, &Backup{}) || !reflect.DeepEqual(got, want) {
		t.Errorf("%s is read as %+v", data, got)
	}
}
