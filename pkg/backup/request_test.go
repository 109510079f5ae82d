package backup

import (
	"encoding/json"
	"path"
	"strings"
	"testing"
	"unicode"

	"filippo.io/age"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// FuzzRequest: whatever lies in the storage as the request of a reserved backup, it is the one that the record was made for, or
// refused.
func FuzzRequest(f *testing.F) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		f.Fatal(err)
	}
	s := New(Config{Recipients: []age.Recipient{id.Recipient()}})
	record := func(r Request) Backup {
		b := Backup{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Source: "loja", Format: r.Format, Compression: r.Compression, Content: r.Content, Encryption: "none", Selection: recorded(r.Selection)}
		if *r.Encrypt {
			b.Encryption = "age"
		}
		return b
	}
	yes := true
	for _, r := range []Request{{}, {Content: ContentData, Jobs: 3}, {Format: FormatPlain, Encrypt: &yes}, {Selection: registry.Selection{Tables: []string{"a.b"}, WithDependencies: true}}} {
		r, err := s.normalize(f.Context(), r)
		if err != nil {
			f.Fatal(err)
		}
		data, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		if got, err := s.requested(f.Context(), record(r), data); err != nil || got.Jobs != r.Jobs {
			f.Fatalf("%s is read as %+v, %v", data, got, err)
		}
		f.Add(data)
	}
	for _, s := range []string{`null`, `{}`, `{"encrypt":null,"format":"custom"}`, `{"jobs":-1}`, `{"compression":"zstd:1 --file=/etc/passwd"}`, `{"directory":"../x"}`, `{"selection":{"tables":["--file=x"],"lost":true}}`} {
		f.Add([]byte(s))
	}
	whole := record(Request{Format: FormatCustom, Compression: "none", Content: ContentAll, Encrypt: new(bool)})
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := s.requested(t.Context(), whole, data)
		if err != nil && !fault.HasReason(err, fault.StructureDamaged) && !fault.HasReason(err, fault.InvalidInput) {
			t.Errorf("%s: %v", data, err)
		}
		if err == nil && (got.Format != FormatCustom || got.Content != ContentAll || *got.Encrypt || recorded(got.Selection) != nil || got.Jobs < 0 || got.Jobs > MaxJobs ||
			strings.ContainsFunc(got.Database, unicode.IsControl) || got.Directory != "" && path.Clean(got.Directory) != got.Directory) {
			t.Errorf("%s is read as %+v", data, got)
		}
		describePart(registry.Row{Selection: string(data)})
	})
}

// A record says how pg_dump is called, too: what it says has to be what can be asked for.
func TestRequestOfAnotherRecord(t *testing.T) {
	s := New(Config{})
	r, err := s.normalize(t.Context(), Request{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	good := Backup{Format: FormatCustom, Compression: r.Compression, Content: ContentAll, Encryption: "none"}
	if _, err := s.requested(t.Context(), good, data); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*Backup){
		"compression": func(b *Backup) { b.Compression = "zstd:1 --file=x" }, "format": func(b *Backup) { b.Format = "plain" }, "content": func(b *Backup) { b.Content = "-x" },
		"encryption": func(b *Backup) { b.Encryption = "age" }, "selection": func(b *Backup) { b.Selection = &registry.Selection{Tables: []string{"a"}} },
	} {
		b := good
		if change(&b); fault.From(func() error { _, err := s.requested(t.Context(), b, data); return err }()) == nil {
			t.Errorf("a record of another %s is accepted", what)
		}
	}
}
