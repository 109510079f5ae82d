package contents

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Version is the version of the form that [Encode] writes.
const Version = 1

// Contents is what a backup contains.
type Contents struct {
	Header
	Tables       []Table
	Sequences    []Sequence
	LargeObjects *LargeObjects // nil where there are none
	Definitions  []Definition  // empty where Header.Definitions is
}

// Header says of which backup the contents are.
type Header struct {
	Version  int       `json:"version"`
	ID       string    `json:"id"`
	Source   string    `json:"source,omitempty"`
	Database string    `json:"database"`
	At       time.Time `json:"at"`               // when the backup was begun
	Server   string    `json:"server,omitempty"` // its version, such as "18.1 (Debian 18.1-1)"
	PgDump   string    `json:"pgDump,omitempty"`
	Encoding string    `json:"encoding,omitempty"` // of the database: rows are hashed in it
	// Definitions names how definitions were hashed; "" where they were not, as in a SQL script.
	Definitions string `json:"definitions,omitempty"`
	// Compared is the backup that this one was held against when it was made, and Warnings what that gave.
	Compared string    `json:"compared,omitempty"`
	Warnings []Warning `json:"warnings,omitempty"`
}

// ArchiveDefinitions: XXH3-128 of what an entry of an archive's table of contents says: its SQL and its owner. pg_dump writes it, out of
// what the server says, so that only those of one major version of both are comparable.
const ArchiveDefinitions = "xxh3-archive-1"

// What tables are.
const (
	KindTable            = "table"
	KindPartition        = "partition"
	KindPartitioned      = "partitioned table" // its rows are its partitions'
	KindForeign          = "foreign table"
	KindMaterializedView = "materialized view" // a backup has its definition, a restore makes its rows anew
)

// Table is a table, or what is like one.
type Table struct {
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name"`
	Kind   string `json:"kind"`
	// RootSchema and RootName are the partitioned table that the rows are loaded through, if they are: then a row may come back
	// in another partition, and only the root's rows are comparable.
	RootSchema string `json:"rootSchema,omitempty"`
	RootName   string `json:"rootName,omitempty"`
	// Data reports whether the backup has rows of it, be it none. The rest is zero otherwise.
	Data     bool      `json:"data"`
	Rows     int64     `json:"rows"`
	Bytes    int64     `json:"bytes"`            // of COPY's output, without its end
	Stored   int64     `json:"stored,omitempty"` // bytes of its block in the archive; 0 where that is not known
	Offset   int64     `json:"offset,omitempty"` // of the block in the archive, before encryption
	Hash     Sum       `json:"hash"`
	HashKind Kind      `json:"hashKind,omitempty"`
	Columns  Columns   `json:"columns,omitzero"`
	ReadAt   time.Time `json:"readAt,omitzero"` // when its last row had been read
}

// Columns are those that the rows have, as far as it takes to tell whether two tables have the same: 16 hex digits each, of their
// names in their order, and of the names alone. A restore may bring the columns of a child table back in another order.
type Columns struct {
	Order string `json:"order"`
	Names string `json:"names"`
}

// Sequence is a sequence's value, as a restore sets it. It is not part of the snapshot.
type Sequence struct {
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name"`
	Value  int64  `json:"value"`
	Called bool   `json:"called"` // the value has been handed out
}

// LargeObjects are all large objects together. A large object's hash is XXH3-128 of its oid, four bytes, the most significant
// first, and its content; Hash is the sum.
type LargeObjects struct {
	Count  int64 `json:"count"`
	Bytes  int64 `json:"bytes"`
	Stored int64 `json:"stored,omitempty"`
	Hash   Sum   `json:"hash"`
}

// Definition is the hash of what makes one object: a table, an index, a function, a comment. Those of the same name, such as
// two comments, are one: their hashes are added up.
type Definition struct {
	Kind   string `json:"kind"` // as in the archive: TABLE, INDEX, FK CONSTRAINT
	Schema string `json:"schema,omitempty"`
	Name   string `json:"name"`
	Hash   Sum    `json:"hash"`
}

// SchemaVersion names the state of the schema by the definitions of a whole archive: "definitions:18/17:" and 12 hex digits, for
// definitions that pg_dump 18 wrote of a PostgreSQL 17, whose versions are given. Others are not comparable with those. It is the same for equal
// schemas, whatever the order of their objects; "" where definitions were not hashed.
func (c *Contents) SchemaVersion(pgDump, server string) string {
	if c.Header.Definitions == "" {
		return ""
	}
	var sum Sum
	for _, d := range c.Definitions {
		sum = sum.Add(HashStrings(d.Kind, d.Schema, d.Name, d.Hash.String()))
	}
	return fmt.Sprintf("definitions:%s/%s:%s", Major(pgDump), Major(server), HashStrings(sum.String()).String()[:12])
}

// Totals are sums over what has rows.
type Totals struct {
	Tables int   `json:"tables"`
	Rows   int64 `json:"rows"`
	Bytes  int64 `json:"bytes"`
	Stored int64 `json:"stored"`
}

// Totals adds up the tables with data.
func (c *Contents) Totals() Totals {
	var t Totals
	for i := range c.Tables {
		if x := &c.Tables[i]; x.Data {
			t.Tables++
			t.Rows += x.Rows
			t.Bytes += x.Bytes
			t.Stored += x.Stored
		}
	}
	return t
}

// Label is the table's name with its schema, as SQL has it.
func (t *Table) Label() string { return Qualified(t.Schema, t.Name) }

// Order is how tables are sorted.
type Order string

// The orders. Those by figures begin with the largest, and end with tables without data.
const (
	BySize Order = "size" // bytes before compression
	ByRows Order = "rows"
	ByName Order = "name"
)

// Select gives the tables with search in their name or their schema's, in upper or lower case, sorted. An unknown order is BySize.
func (c *Contents) Select(search string, by Order) []*Table {
	var out []*Table
	search = strings.ToLower(search)
	for i := range c.Tables {
		if t := &c.Tables[i]; search == "" || strings.Contains(strings.ToLower(t.Schema+"."+t.Name), search) || strings.Contains(strings.ToLower(t.Label()), search) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(x, y *Table) int {
		n := 0
		switch by {
		case ByName:
		case ByRows:
			n = cmp.Compare(y.figure(y.Rows), x.figure(x.Rows))
		default:
			n = cmp.Compare(y.figure(y.Bytes), x.figure(x.Bytes))
		}
		return cmp.Or(n, strings.Compare(x.Schema, y.Schema), strings.Compare(x.Name, y.Name))
	})
	return out
}

func (t *Table) figure(n int64) int64 {
	if !t.Data {
		return -1
	}
	return n
}
