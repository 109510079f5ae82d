package api

import (
	"net/http"
	"testing"

	"cofre/pkg/api/contract"
	"cofre/pkg/audit"
)

// Whoever lists the trail without what was only looked at misses nothing that changed something or handed out data, and is not shown what
// did neither: each operation is put into one of the two, so that a new one does not get into the wrong one unseen.
func TestEveryOperationIsALookOrIsNot(t *testing.T) {
	doc, err := contract.Load()
	if err != nil {
		t.Fatal(err)
	}
	// Operations that one would take for the other by their method.
	others := map[string]string{
		"downloadBackup": "hands out a link to all that is in a backup",
		"getBackupRows":  "hands out rows",
		"planRestore":    "a look whose order does not fit into an address",
	}
	of := map[string]bool{}
	for _, op := range doc.Operations() {
		a := action(op)
		looks := op.Method == http.MethodGet
		if others[op.ID] != "" {
			looks = !looks
			delete(others, op.ID)
		}
		if audit.Looks(a) != looks {
			t.Errorf("%s (%s) is recorded as %q, of which audit.Looks says %t: put it into the list of pkg/audit, or name here why it is none", op.ID, op.Method, a, !looks)
		}
		if is, known := of[a]; known && is != looks {
			t.Errorf("%s is recorded as %q, as an operation of the other kind is", op.ID, a)
		}
		of[a] = looks
	}
	for id := range others {
		t.Errorf("%s is no operation of the contract", id)
	}
}
