package certificate

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func sample() Certificate {
	b := Backup{ID: "01JZ8Q4M9T4Y3V6K2W1X0N5BCD", Source: "shop", Database: "shop", CreatedAt: time.Date(2026, 11, 30, 2, 0, 0, 0, time.UTC), File: "files/shop.dump",
		Size: 1234567, SHA256: strings.Repeat("ab", 32), Format: "custom", Encryption: "none", DatabaseVersion: "18.6", PgDumpVersion: "18.6"}
	p := Proof{At: time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC), Whole: true, Tables: 25, Rows: 1_000_000, RestoreMS: 61_500, Server: "18.6", Tool: "pg_restore 18.6", Isolated: true, Counted: DuringBackup}
	return Certificate{Type: Type, Version: Version, IssuedAt: p.At.Add(time.Hour), Issuer: Issuer{"cofre 2", "SHA256:key"}, Statement: Sentence(b, p), Backup: b, Proof: p}
}

func page(t *testing.T, c Certificate) string {
	t.Helper()
	doc, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.Page(doc, "certificate.json")
	if err != nil {
		t.Fatal(err)
	}
	return string(p)
}

// A page says everything that the document says.
func TestPageSaysAll(t *testing.T) {
	c := sample()
	got := page(t, c)
	for _, want := range []string{"restored and compared", c.Backup.ID, "1,234,567 bytes", "25 with 1,000,000 rows", "1m1.5s", "PostgreSQL 18.6", "the whole database",
		c.Backup.SHA256, "2026-11-30 03:00:00 UTC", "every row of its tables", "SHA256:key", "certificate.json.sig"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(got, "What was not") || strings.Contains(got, "in part") {
		t.Error("the page of a whole proof speaks of what is missing")
	}
}

// What was only read in the records is stated as that, in the sentence and in the page's heading too.
func TestSentenceSaysWhoKnows(t *testing.T) {
	c := sample()
	for _, witnessed := range []bool{true, false} {
		c.Proof.Witnessed = witnessed
		if s := Sentence(c.Backup, c.Proof); strings.HasPrefix(s, "According to its records, the backup ") == witnessed || strings.HasPrefix(s, "The backup ") != witnessed {
			t.Errorf("witnessed %v: %s", witnessed, s)
		}
		heading := map[bool]string{true: "<h1>This backup was restored and compared</h1>", false: "<h1>According to its records, this backup was restored and compared</h1>"}
		if got := page(t, c); !strings.Contains(got, heading[witnessed]) {
			t.Errorf("witnessed %v: the page does not say %s", witnessed, heading[witnessed])
		}
	}
}

// What was not compared stands in the first line, and one by one.
func TestPageOfAPart(t *testing.T) {
	c := sample()
	c.Proof.Whole, c.Proof.NotCompared, c.Proof.Without = false, 3, []string{"EVENT TRIGGER audit: only a superuser makes it"}
	c.Backup.Part = "schema app"
	c.Statement = Sentence(c.Backup, c.Proof)
	got := page(t, c)
	for _, want := range []string{"compared in part", "all but 3 things", "EVENT TRIGGER audit", "and 2 more", "a part of the database"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// Of a sample nobody reads that all but one thing was compared.
func TestPageOfASample(t *testing.T) {
	c := sample()
	c.Proof.Whole, c.Proof.NotCompared, c.Proof.Rows, c.Proof.OfRows, c.Proof.Without = false, 1, 100, 1_500_100, []string{"there was room for a sample"}
	c.Statement = Sentence(c.Backup, c.Proof)
	got := page(t, c)
	for _, want := range []string{"a sample of what it holds, 100 of 1,500,100 rows, was found", "25 with 100 of 1,500,100 rows"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(got, "all but") {
		t.Error("the page of a sample says that all was compared but little")
	}
}

// Names come from the database and from the bucket: none of them is markup.
func TestPageIsNotMarkup(t *testing.T) {
	c := sample()
	const evil = `<script>alert(1)</script>"'&`
	c.Backup.Source, c.Backup.Database, c.Backup.File, c.Statement, c.Proof.Server = evil, evil, evil, evil, evil
	c.Proof.Whole, c.Proof.Without, c.Proof.NotCompared = false, []string{evil}, 1
	if got := page(t, c); strings.Contains(got, "<script") {
		t.Error("a name became markup")
	}
}

// Whoever reads the document finds what was written.
func TestDocument(t *testing.T) {
	c := sample()
	doc, err := c.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Certificate
	if err := json.Unmarshal(doc, &back); err != nil {
		t.Fatal(err)
	}
	if back.Backup != c.Backup || back.Statement != c.Statement || back.Proof.Rows != c.Proof.Rows || back.Type != "cofre-certificate" {
		t.Errorf("got %+v", back)
	}
	if doc[len(doc)-1] != '\n' {
		t.Error("no line feed at its end")
	}
}
