package registry

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

const (
	orderedID = "01JZ8Q4M9T4Y3V6K2W1X0N5BCD"
	nonce     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func provenResult() ProofResult {
	return ProofResult{Backup: orderedID, Nonce: nonce, Step: ProofComparing, Proof: &Verification{OK: true, Level: LevelProven, At: time.Now(),
		Proof: &Proof{Tables: 2, Rows: 800, Restore: 12, Server: "18.1 (Debian 18.1-1)", Tool: "pg_restore 18.1", Definitions: 9}}}
}

// What a proof that was ordered can say is taken; what none can say is refused, whoever wrote it.
func TestProofResult(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ProofResult)
		ok     bool
	}{
		"proven":    {func(*ProofResult) {}, true},
		"one step":  {func(r *ProofResult) { r.Proof, r.Step = nil, ProofRestoring }, true},
		"not begun": {func(r *ProofResult) { r.Proof, r.Step = nil, "" }, true},
		"could not be made": {func(r *ProofResult) {
			r.Proof, r.Error = nil, &Error{Code: fault.FileSystem, Reason: fault.StorageFull, Message: "full"}
		}, true},
		"in part": {func(r *ProofResult) {
			r.Proof.Level, r.Proof.Proof.Without, r.Proof.Proof.LeftOut = LevelProvenInPart, LeftOut{"x"}, 1
		}, true},
		"disproven": {func(r *ProofResult) {
			r.Proof.OK, r.Proof.Problems = false, Problems{{fault.ContentsMismatch, "a table"}}
		}, true},
		"of another backup":         {func(r *ProofResult) { r.Backup = "01JZ8Q4M9T4Y3V6K2W1X0N5BCE" }, false},
		"of another order":          {func(r *ProofResult) { r.Nonce = strings.ToLower(nonce) }, false},
		"an unknown step":           {func(r *ProofResult) { r.Step = "dancing" }, false},
		"both":                      {func(r *ProofResult) { r.Error = &Error{Code: fault.FileSystem, Message: "full"} }, false},
		"a code that is none":       {func(r *ProofResult) { r.Proof, r.Error = nil, &Error{Code: "OtherError", Message: "full"} }, false},
		"another level":             {func(r *ProofResult) { r.Proof.Level = LevelFull }, false},
		"nothing compared":          {func(r *ProofResult) { r.Proof.Proof = nil }, false},
		"everything but something":  {func(r *ProofResult) { r.Proof.Proof.LeftOut = 1 }, false},
		"a part of everything":      {func(r *ProofResult) { r.Proof.Level = LevelProvenInPart }, false},
		"good with problems":        {func(r *ProofResult) { r.Proof.Problems = Problems{{fault.ContentsMismatch, "a table"}} }, false},
		"bad without":               {func(r *ProofResult) { r.Proof.OK = false }, false},
		"a problem of another kind": {func(r *ProofResult) { r.Proof.OK, r.Proof.Problems = false, Problems{{fault.SignatureWrong, "x"}} }, false},
		"negative rows":             {func(r *ProofResult) { r.Proof.Proof.Rows = -1 }, false},
		"more rows than there are":  {func(r *ProofResult) { r.Proof.Proof.OfRows = 10 }, false},
		"checks that nobody asked":  {func(r *ProofResult) { r.Proof.Proof.Checks = 1 }, false},
		"a target":                  {func(r *ProofResult) { r.Proof.Proof.Target = "staging" }, false},
		"a version of two lines":    {func(r *ProofResult) { r.Proof.Proof.Server = "18\n19" }, false},
	} {
		r := provenResult()
		c.change(&r)
		data, err := EncodeProofResult(r)
		if err != nil || len(data) != ResultSize {
			t.Fatalf("%s: %d bytes, %v", name, len(data), err)
		}
		if _, err := parseProofResult(orderedID, nonce, data); (err == nil) != c.ok || err != nil && !isDamaged(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good, err := EncodeProofResult(provenResult())
	must(t, err)
	for name, data := range map[string][]byte{
		"nothing": nil, "a field more": bytes.Replace(good, []byte(`"step"`), []byte(`"by": "me", "step"`), 1), "a second one": append(bytes.TrimSpace(bytes.Clone(good)), good[:20]...),
		"too long": append(bytes.Clone(good), ' '), "of another version": bytes.Replace(good, []byte(`"version": 1`), []byte(`"version": 9`), 1),
	} {
		if _, err := parseProofResult(orderedID, nonce, data); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// A result has one size, however much there is to say, and no text of it says more than one line.
func TestLongProofResult(t *testing.T) {
	r := provenResult()
	r.Proof.OK = false
	for range 20 {
		r.Proof.Problems = append(r.Proof.Problems, Problem{fault.ContentsMismatch, strings.Repeat("\x01\n", 2000)})
		r.Proof.Proof.Without = append(r.Proof.Proof.Without, strings.Repeat("<\x1b", 2000))
	}
	r.Proof.Level, r.Proof.Proof.LeftOut = LevelProvenInPart, 20
	data, err := EncodeProofResult(r)
	if err != nil || len(data) != ResultSize {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	got, err := parseProofResult(orderedID, nonce, data)
	must(t, err)
	if v := got.Proof; len(v.Problems) == 0 || strings.ContainsAny(v.Problems[0].Detail+strings.Join(v.Proof.Without, ""), "\x01\n\x1b") {
		t.Errorf("it is read as %+v", v)
	}
}

// A proof that was ordered goes on under the name of whoever asked for it, for as long as its order is renewed; what lies beside its record goes when the
// backup is gone.
func TestOrderedAttempt(t *testing.T) {
	stores(t, func(t *testing.T, store storage.Store) {
		ctx, r := t.Context(), New(store, Options{})
		b, err := makeBackup(ctx, r, record("a.dump"), "content")
		must(t, err)
		_, err = r.ReserveAttempt(ctx, b.ID, "ana", time.Now(), time.Minute)
		must(t, err)
		for _, n := range []string{nonce, "another" + nonce} { // a delivery that comes twice
			must(t, r.OrderAttempt(ctx, b.ID, "schedule", n, time.Now(), time.Hour))
		}
		if l, err := r.OrderedAttempt(ctx, b.ID, nonce); l != nil || err != nil {
			t.Errorf("of an order that was replaced: %v, %v", l, err)
		}
		l, err := r.OrderedAttempt(ctx, b.ID, "another"+nonce)
		must(t, err)
		if l == nil || l.Attempt().By != "ana" || l.Attempt().State != ProofRunning {
			t.Fatalf("the record is %+v", l)
		}
		must(t, l.Update(ctx, func(a *ProofAttempt) { a.Step = ProofRestoring }))
		must(t, l.End(ctx, time.Now(), ProofComparing, true, nil))
		if l, err := r.OrderedAttempt(ctx, b.ID, "another"+nonce); l != nil || err != nil {
			t.Errorf("of one that has ended: %v, %v", l, err)
		}
		must(t, r.PutProofOrder(ctx, ProofOrder{Backup: b}))
		if _, err := r.ProofResult(ctx, b.ID, nonce); !storage.IsNotFound(err) {
			t.Errorf("without a result: %v", err)
		}
		gone := "01JZ8Q4M9T4Y3V6K2W1X0N5BCD"
		must(t, r.PutProofOrder(ctx, ProofOrder{Backup: Backup{ID: gone}}))
		_, err = store.Put(ctx, ProofResultKey(gone), []byte("x"), storage.PutOptions{})
		must(t, err)
		_, err = r.Reconcile(ctx)
		must(t, err)
		for key, there := range map[string]bool{ProofOrderKey(b.ID): true, ProofKey(b.ID): true, ProofOrderKey(gone): false, ProofResultKey(gone): false} {
			if _, err := store.Head(ctx, key); (err == nil) != there {
				t.Errorf("%s is there: %v", key, err)
			}
		}
	})
}

// FuzzProofResult: whatever is taken can be said by a proof, and is written again and read as the same.
func FuzzProofResult(f *testing.F) {
	data, _ := EncodeProofResult(provenResult())
	f.Add(data)
	f.Add([]byte(`{"version":1,"backup":"` + orderedID + `","nonce":"` + nonce + `","step":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseProofResult(orderedID, nonce, data)
		if err != nil {
			return
		}
		again, err := EncodeProofResult(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseProofResult(orderedID, nonce, again); err != nil {
			t.Errorf("%q is taken, and not what is made of it: %v", data, err)
		}
	})
}

// FuzzProofOrder: an order that is taken names a backup, and leads nowhere but over the network.
func FuzzProofOrder(f *testing.F) {
	b := record("a.dump")
	b.ID, b.Status = orderedID, Success
	data, _ := json.Marshal(ProofOrder{Version: 1, Nonce: nonce, Backup: b, Place: "s3://b", Links: map[string]string{b.Filepath: "https://s3/x"}, Result: "https://s3/y", Next: "https://s3/z"})
	if _, err := ParseProofOrder(data); err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ParseProofOrder(data)
		if err != nil {
			return
		}
		for _, l := range o.Links {
			if !strings.HasPrefix(strings.ToLower(l), "http") {
				t.Errorf("it leads to %q", l)
			}
		}
		if !ValidID(o.Backup.ID) || o.Links[o.Backup.Filepath] == "" {
			t.Errorf("it is of %+v", o.Backup)
		}
	})
}
