package registry

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

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
