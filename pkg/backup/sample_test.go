package backup

import (
	"fmt"
	"testing"

	"cofre/pkg/archive"
	"cofre/pkg/contents"
)

func tablesOf(sizes ...int64) *contents.Contents {
	c := &contents.Contents{}
	for i, n := range sizes {
		c.Tables = append(c.Tables, contents.Table{Schema: "app", Name: fmt.Sprintf("t%d", i), Kind: "table", Data: true, Rows: n / 10, Bytes: n})
	}
	return c
}

// A sample has what fits, never more, and other tables for other backups.
func TestSampleFits(t *testing.T) {
	c := tablesOf(400, 400, 400, 400, 400, 5000)
	first := map[relationKey]bool{}
	for i := range 50 {
		s, ok := chooseSample(fmt.Sprint("backup", i), c, 2000, 2)
		if !ok {
			t.Fatal("nothing fits")
		}
		if n := s.of(c).Totals().Bytes; n != 800 {
			t.Fatalf("%d bytes of rows are restored, want 800", n)
		}
		for k := range s.rows {
			first[k] = true
		}
	}
	if len(first) != 5 || first[relationKey{"app", "t5"}] {
		t.Errorf("in 50 backups these had their turn: %v", first)
	}
	if _, ok := chooseSample("backup", tablesOf(5000, 6000), 2000, 2); ok {
		t.Error("a sample without rows counts")
	}
	if _, ok := chooseSample("backup", tablesOf(0, 6000), 2000, 2); ok {
		t.Error("a sample of an empty table counts")
	}
}

// Partitions whose rows are loaded through their root come together or not at all: their rows are compared at the root.
func TestSampleTakesPartitionsTogether(t *testing.T) {
	c := tablesOf(900, 900, 100)
	for i := range 2 {
		c.Tables[i].RootSchema, c.Tables[i].RootName = "app", "root"
	}
	for i := range 20 {
		s, _ := chooseSample(fmt.Sprint(i), c, 1000, 1)
		if s.rows[relationKey{"app", "t0"}] || s.rows[relationKey{"app", "t1"}] || !s.rows[relationKey{"app", "t2"}] {
			t.Fatalf("the sample has %v", s.rows)
		}
	}
	s, _ := chooseSample("x", c, 1800, 1)
	if s.rows[relationKey{"app", "t0"}] != s.rows[relationKey{"app", "t1"}] {
		t.Errorf("one partition without the other: %v", s.rows)
	}
}

// Large objects come where there is room for them.
func TestSampleOfLargeObjects(t *testing.T) {
	c := tablesOf(100)
	c.LargeObjects = &contents.LargeObjects{Count: 2, Bytes: 5000}
	blobs := &archive.Entry{Desc: "BLOBS"}
	if s, ok := chooseSample("x", c, 1000, 1); !ok || s.takes(blobs) || s.of(c).LargeObjects != nil {
		t.Error("large objects are taken without room")
	}
	if s, ok := chooseSample("x", c, 10000, 1); !ok || !s.takes(blobs) || s.of(c).LargeObjects == nil {
		t.Error("large objects are left out though there is room")
	}
}
