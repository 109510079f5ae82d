package registry

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
)

// A record stays small whatever servers, programs and checks have said.
func TestRecordsAreBounded(t *testing.T) {
	long := strings.Repeat("\xffé", 1<<20)
	b := Backup{Database: long, DatabaseVersion: long, SchemaVersion: long, PgDumpVersion: long, Engine: long, EngineReason: long, Compression: long, Verification: &Verification{}}
	b.Error = ErrorOf(fault.Wrap(errors.New(long), fault.BackupCreation, "", long, "%s", long))
	if n := len(b.Error.Detail); n > fault.MaxText {
		t.Errorf("%d bytes of detail", n)
	}
	b.Error = &Error{Message: long, Hint: long, Detail: long}
	for range 1000 {
		b.Verification.Problems = append(b.Verification.Problems, Problem{Detail: long})
	}
	data, err := json.Marshal(b.bounded())
	if err != nil || len(data) > 10*fault.MaxText {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	if len(b.Verification.Problems) != 1000 || b.Verification.Problems[0].Detail == "" {
		t.Error("the caller's record was changed")
	}
	short := Verification{Problems: []Problem{{Detail: "a"}, {Detail: "b"}}}
	if got := short.bounded(); len(got.Problems) != 2 || got.Problems[1].Detail != "b" {
		t.Errorf("%+v", got)
	}
}

// refused are the texts of a record that are never cut: whoever asks for a backup with longer ones is refused, and so is a
// record that has them, by checkRecord or as too long in all.
var refused = map[string]bool{
	"ID": true, "Filename": true, "Filepath": true, "Checksum": true, "Status": true, "Outcome": true, "Source": true, "Format": true, "Encryption": true, "Content": true,
	"Rows": true, "Trigger": true, "Labels": true, "Selection.Schemas": true, "Selection.Tables": true, "Selection.ExcludeTables": true, "Selection.ExcludeTableData": true,
	"Selection.ExcludeSchemas": true, "Selection.TablesAndChildren": true, "Selection.ExcludeTablesAndChildren": true, "Selection.ExcludeTableDataAndChildren": true,
	"Selection.Extensions": true, "Selection.ExcludeExtensions": true, "Selection.ForeignData": true,
	// Words of cofre's own.
	"Error.Code": true, "Error.Reason": true, "Verification.Level": true, "Verification.Problems.Reason": true, "Verifications.Level": true,
	"Verifications.Problems.Reason": true, "Contents.SHA256": true, "Globals.SHA256": true, "Contents.Compared": true,
}

// Whatever text a record gets one day, it is bounded or refused.
func TestEveryTextIsBounded(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	var b Backup
	eachText(reflect.ValueOf(&b).Elem(), "", func(_ string, v reflect.Value) { v.SetString(long) })
	before, err := json.Marshal(b)
	must(t, err)
	got := b.bounded()
	if after, err := json.Marshal(b); err != nil || string(after) != string(before) {
		t.Errorf("the caller's record was changed, %v", err)
	}
	unseen := maps.Clone(refused)
	eachText(reflect.ValueOf(&got).Elem(), "", func(path string, v reflect.Value) {
		delete(unseen, path)
		if v.Len() > fault.MaxText && !refused[path] {
			t.Errorf("%s has %d bytes", path, v.Len())
		}
		if refused[path] {
			v.SetString("")
		}
	})
	delete(unseen, "Labels")
	if len(unseen) > 0 {
		t.Errorf("a record has no %v", unseen)
	}
	if data, err := json.Marshal(got); err != nil || len(data) > maxRecord {
		t.Errorf("all of it has %d bytes, %v", len(data), err)
	}
}

// eachText visits every text in a value, and makes what is missing on the way to it.
func eachText(v reflect.Value, path string, visit func(path string, v reflect.Value)) {
	switch v.Kind() {
	case reflect.String:
		visit(path, v)
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		eachText(v.Elem(), path, visit)
	case reflect.Slice:
		if v.IsNil() {
			v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		}
		for i := range v.Len() {
			eachText(v.Index(i), path, visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.IsExported() && f.Tag.Get("json") != "-" && f.Type != reflect.TypeFor[time.Time]() {
				eachText(v.Field(i), strings.TrimPrefix(path+"."+f.Name, "."), visit)
			}
		}
	}
}
