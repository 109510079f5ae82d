package backup

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"cofre/pkg/archive"
	"cofre/pkg/contents"
)

// Tallied is what was counted of one table.
type Tallied struct {
	contents.Tally
	Kind contents.Kind
	At   time.Time // of its last row
}

// Counted is a dump in the custom format whose rows were counted as they were read, so that nothing has to be decompressed.
type Counted interface {
	Dump
	// Tallies returns what was counted of each table, by the dump id of its entry, and of the large objects. It is called once,
	// after Read gave io.EOF.
	Tallies() (map[int32]Tallied, *contents.LargeObjects)
	// Pieces returns how many pieces of tables and large objects are written, and how many there are.
	Pieces() (written, all int)
}

// counter finds out what a dump contains from its bytes, which are written to it beside the pipeline. Whatever goes wrong here is
// kept for the end: it never fails what it is beside.
type counter struct {
	now     func() time.Time
	follow  io.Writer
	close   func() error
	counted Counted // may be nil
	err     error
	// ownerless hashes definitions as if they were nobody's, and without rights.
	ownerless bool

	all    contents.Contents
	tables map[[2]string]int // index in all.Tables
	data   map[int32]int     // the same, by the dump id of the entry whose block holds the rows
	binary map[int32]bool    // whether those are COPY's binary format

	mu      sync.Mutex // for what several goroutines count
	tallies map[int32]Tallied
	objects contents.LargeObjects
	free    [2]sync.Pool // of contents.Counter, for text and for binary rows
}

// emptyCounter has no bytes to follow.
func emptyCounter(now func() time.Time) *counter {
	c := &counter{now: now, tables: map[[2]string]int{}, data: map[int32]int{}, binary: map[int32]bool{}, tallies: map[int32]Tallied{}}
	c.free[0].New = func() any { return new(contents.Text) }
	c.free[1].New = func() any { return new(contents.Binary) }
	return c
}

// newCounter follows a dump of this format until finish or abandon.
func newCounter(ctx context.Context, format string, dump Dump, now func() time.Time) *counter {
	c := emptyCounter(now)
	c.counted, _ = dump.(Counted)
	switch {
	case format == FormatPlain:
		c.script()
	case c.counted != nil:
		x := archive.NewChecker(archive.Options{Kind: archive.KindCustom, Entry: c.entry})
		c.follow = x
		c.close = func() error {
			sum, err := x.Close()
			if err == nil { // else nobody may have read the dump to its end
				c.tallies, c.all.LargeObjects = c.counted.Tallies()
			}
			return c.settle(sum, err)
		}
	default:
		// One worker: pg_dump writes one block at a time, and makes them slower than they are read.
		x := archive.NewUnpacker(ctx, archive.Options{Kind: archive.KindCustom, Entry: c.entry, Data: c.stream, Workers: 1})
		c.follow = x
		c.close = func() error { return c.settle(x.Close()) }
	}
	return c
}

// script follows SQL.
func (c *counter) script() {
	s := &contents.Script{Done: c.scriptTable}
	c.follow = s
	c.close = func() (err error) {
		c.all.Sequences, c.all.LargeObjects, err = s.Close()
		return err
	}
}

// Write never fails.
func (c *counter) Write(p []byte) (int, error) {
	if c.err == nil {
		_, c.err = c.follow.Write(p)
	}
	return len(p), nil
}

// finish returns what the dump contains, once all of it was written.
func (c *counter) finish() (*contents.Contents, error) {
	err := c.close()
	if c.err == nil {
		c.err = err
	}
	if c.err != nil {
		return nil, c.err
	}
	return &c.all, nil
}

// abandon ends what newCounter began.
func (c *counter) abandon() { c.close() }

// passedOver are entries whose definitions say nothing of the schema: what counts of them is elsewhere in the contents, or is
// another in every database.
var passedOver = map[string]bool{
	"ENCODING": true, "STDSTRINGS": true, "SEARCHPATH": true, "DATABASE": true, "DATABASE PROPERTIES": true, "TABLE DATA": true,
	"SEQUENCE SET": true, "BLOB": true, "BLOBS": true, "BLOB METADATA": true, "BLOB COMMENTS": true, "STATISTICS DATA": true, "MATERIALIZED VIEW DATA": true,
}

// entry takes an entry of the archive's table of contents.
func (c *counter) entry(e archive.Entry) {
	switch e.Desc {
	case "TABLE":
		t := c.table(e.Namespace, e.Tag)
		if t.Kind == contents.KindTable && strings.Contains(e.Defn, "\nPARTITION BY ") {
			t.Kind = contents.KindPartitioned
		}
	case "TABLE ATTACH":
		c.table(e.Namespace, e.Tag).Kind = contents.KindPartition
	case "FOREIGN TABLE":
		c.table(e.Namespace, e.Tag).Kind = contents.KindForeign
	case "MATERIALIZED VIEW":
		c.table(e.Namespace, e.Tag).Kind = contents.KindMaterializedView
	case "TABLE DATA":
		t := c.table(e.Namespace, e.Tag)
		schema, name, columns, ok := contents.ParseCopy(e.CopyStmt)
		if t.Columns = columns; ok && (schema != t.Schema || name != t.Name) {
			t.RootSchema, t.RootName = schema, name
		}
		if e.HasData && e.CopyStmt != "" { // others are INSERT statements, which cofre does not ask for
			c.data[e.DumpID] = c.tables[[2]string{e.Namespace, e.Tag}]
			if copied, ok := e.Copied(); ok && copied.Binary {
				c.binary[e.DumpID] = true
			}
		}
	case "SEQUENCE SET":
		if s, ok := contents.ParseSetval(e.Defn); ok {
			c.all.Sequences = append(c.all.Sequences, s)
		}
	}
	if passedOver[e.Desc] || strings.HasPrefix(e.Tag, "LARGE OBJECT") {
		return
	}
	if c.ownerless {
		// The definition of public says that it is not its usual owner's.
		if e.Owner = ""; e.Desc == "ACL" || e.Desc == "DEFAULT ACL" || e.Desc == "SCHEMA" && e.Tag == "public" {
			return
		}
	}
	c.all.Definitions = append(c.all.Definitions, contents.Definition{Kind: e.Desc, Schema: e.Namespace, Name: e.Tag,
		Hash: contents.HashStrings(e.Defn, e.Owner, e.Tablespace, e.TableAM)})
}

// table finds a table, or makes it.
func (c *counter) table(schema, name string) *contents.Table {
	k := [2]string{schema, name}
	i, known := c.tables[k]
	if !known {
		i = len(c.all.Tables)
		c.tables[k] = i
		c.all.Tables = append(c.all.Tables, contents.Table{Schema: schema, Name: name, Kind: contents.KindTable})
	}
	return &c.all.Tables[i]
}

// stream gives the writer for a table's rows, or for a large object. It is called by several goroutines.
func (c *counter) stream(s archive.Stream) io.WriteCloser {
	if s.LargeObject != 0 {
		return &countedObject{contents.NewLargeObject(s.LargeObject), c}
	}
	if _, counts := c.data[s.DumpID]; !counts {
		return nil
	}
	free := &c.free[0]
	if c.binary[s.DumpID] {
		free = &c.free[1]
	}
	t := free.Get().(contents.Counter)
	t.Reset()
	return &countedTable{t, c, s.DumpID, free}
}

type countedTable struct {
	contents.Counter
	c    *counter
	id   int32
	free *sync.Pool
}

func (t *countedTable) Close() error {
	tally, err := t.Tally()
	t.c.mu.Lock()
	t.c.tallies[t.id] = Tallied{tally, t.Kind(), t.c.now().UTC().Truncate(time.Millisecond)}
	t.c.mu.Unlock()
	t.free.Put(t.Counter)
	return err
}

type countedObject struct {
	*contents.LargeObject
	c *counter
}

func (o *countedObject) Close() error {
	o.c.mu.Lock()
	o.AddTo(&o.c.objects)
	o.c.mu.Unlock()
	return nil
}

// settle joins the tallies with the places of the blocks, when an archive has ended.
func (c *counter) settle(sum archive.Summary, err error) error {
	if err != nil {
		return err
	}
	if c.objects.Count > 0 {
		c.all.LargeObjects = &c.objects
	}
	blocks := make(map[int32]*archive.BlockInfo, len(sum.Index))
	for i := range sum.Index {
		b := &sum.Index[i]
		blocks[b.DumpID] = b
		if b.LargeObjects > 0 && c.all.LargeObjects != nil {
			c.all.LargeObjects.Stored += b.Length
		}
	}
	for id, table := range c.data {
		b, tally := blocks[id], c.tallies[id]
		t := &c.all.Tables[table]
		if b == nil || tally.Kind == "" {
			return fmt.Errorf("nothing was counted of %s", t.Label())
		}
		t.Data, t.Rows, t.Bytes, t.Hash, t.HashKind, t.ReadAt = true, tally.Rows, tally.Bytes, tally.Hash, tally.Kind, tally.At
		t.Stored, t.Offset = b.Length, b.Offset
	}
	c.all.Header.Definitions = contents.ArchiveDefinitions
	return nil
}

// scriptTable takes the rows of a COPY block of a SQL script. Partitions that are loaded through their root are one there.
func (c *counter) scriptTable(schema, name string, columns contents.Columns, tally contents.Tally) {
	t := c.table(schema, name)
	sum := contents.Tally{Rows: t.Rows, Bytes: t.Bytes, Hash: t.Hash}
	sum.Add(tally)
	t.Columns = columns
	t.Data, t.Rows, t.Bytes, t.Hash, t.HashKind, t.ReadAt = true, sum.Rows, sum.Bytes, sum.Hash, contents.TextRows, c.now().UTC().Truncate(time.Millisecond)
}
