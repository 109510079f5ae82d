package seal

import (
	"strings"
	"testing"

	"filippo.io/age"

	"cofre/pkg/fault"
)

func newKey(t testing.TB) *Key {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	k, err := New(id, id.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A secret opens for the place that it was sealed for, with the same key, and nowhere else; a document changed by one byte is none.
func TestSeal(t *testing.T) {
	k, other := newKey(t), newKey(t)
	sealed, err := k.Seal("postgresql://u:p@h/d", "source", "shop", "url")
	if err != nil || strings.Contains(sealed, "postgresql") {
		t.Fatalf("%q, %v", sealed, err)
	}
	if got, err := k.Open(sealed, "source", "shop", "url"); err != nil || got != "postgresql://u:p@h/d" {
		t.Errorf("%q, %v", got, err)
	}
	for _, of := range [][]string{{"source", "shop", "ping"}, {"source", "wiki", "url"}, {"place", "shop", "url"}, {"source", "shop"}, {"source", "shop", "url", ""}} {
		if got, err := k.Open(sealed, of...); !fault.HasReason(err, fault.Forged) || got != "" {
			t.Errorf("opened for %q: %q, %v", of, got, err)
		}
	}
	if _, err := other.Open(sealed, "source", "shop", "url"); !fault.HasReason(err, fault.Forged) {
		t.Errorf("another key: %v", err)
	}
	mac := k.MAC([]byte("document"))
	if !k.Authentic([]byte("document"), mac) || k.Authentic([]byte("documenT"), mac) || other.Authentic([]byte("document"), mac) || k.Authentic([]byte("document"), "") {
		t.Error("a document is not told from another one")
	}
	if _, err := k.Seal(strings.Repeat("x", MaxSecret+1), "a"); !fault.HasReason(err, fault.LimitReached) {
		t.Errorf("a long one: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	k := newKey(f)
	good, err := k.Seal("secret", "source", "shop", "url")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-4])
	f.Add("%%%")
	f.Add("")
	f.Fuzz(func(t *testing.T, sealed string) {
		if got, err := k.Open(sealed, "source", "shop", "url"); err == nil && got != "secret" || err != nil && got != "" {
			t.Errorf("%q, %v", got, err)
		}
	})
}
