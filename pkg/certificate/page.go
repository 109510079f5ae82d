package certificate

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"cofre/pkg/quantity"
)

//go:embed page.html
var pageText string

// row is one line of a table of the page.
type row struct{ Name, Value string }

// Page is the certificate as a page to print, which stands alone. document is what was signed, under the name file.
func (c Certificate) Page(document []byte, file string) ([]byte, error) {
	page, err := template.New("page").Parse(pageText)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(document)
	var out bytes.Buffer
	err = page.Execute(&out, struct {
		Certificate
		Issued           string
		Backup, Proof    []row
		Without          []string
		More             int
		File, DocumentOf string
	}{
		c, moment(c.IssuedAt), c.Backup.rows(), c.Proof.rows(), c.Proof.Without, c.Proof.NotCompared - len(c.Proof.Without), file, hex.EncodeToString(sum[:]),
	})
	return out.Bytes(), err
}

func (b Backup) rows() []row {
	return filled(
		row{"Backup", b.ID},
		row{"Source", b.Source},
		row{"Database", b.Database},
		row{"Server", b.Server},
		row{"System identifier", b.SystemIdentifier},
		row{"Made", moment(b.CreatedAt)},
		row{"Holds", orWhole(b.Part)},
		row{"File", b.File},
		row{"Size", grouped(b.Size) + " bytes"},
		row{"SHA-256", b.SHA256},
		row{"Format", b.Format},
		row{"Encryption", b.Encryption},
		row{"PostgreSQL", b.DatabaseVersion},
		row{"pg_dump", b.PgDumpVersion},
		row{"Record's signature", map[bool]string{true: "compared, by a trusted key", false: "not looked at"}[b.ManifestSigned]},
	)
}

func (p Proof) rows() []row {
	return filled(
		row{"Restored and compared", moment(p.At)},
		row{"Into", "PostgreSQL " + p.Server + ", by " + p.Tool + map[bool]string{true: ", without a network", false: ""}[p.Isolated]},
		row{"Restore took", (time.Duration(p.RestoreMS) * time.Millisecond).String()},
		row{"Tables, every row by number and hash", grouped(int64(p.Tables)) + " with " + p.rowsCompared() + " rows"},
		row{"Sequences", grouped(int64(p.Sequences))},
		row{"Large objects", grouped(p.LargeObjects)},
		row{"Definitions", grouped(int64(p.Definitions))},
		row{"Questions of the owner's own", grouped(int64(p.Checks))},
		row{"Compared with what was counted", p.Counted},
		row{"Known to who signed", map[bool]string{true: "by making the proof", false: "from the backup's records"}[p.Witnessed]},
		row{"Not compared", grouped(int64(p.NotCompared))},
	)
}

// rowsCompared is how many rows were, of how many where there was room for a sample.
func (p Proof) rowsCompared() string {
	if p.OfRows == 0 {
		return grouped(p.Rows)
	}
	return grouped(p.Rows) + " of " + grouped(p.OfRows)
}

func filled(all ...row) []row {
	var out []row
	for _, r := range all {
		if r.Value != "" {
			out = append(out, r)
		}
	}
	return out
}

func orWhole(part string) string {
	if part == "" {
		return "the whole database"
	}
	return "a part of the database: " + part
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func grouped(n int64) string { return quantity.Grouped(strconv.FormatInt(n, 10)) }

// Sentence says what a certificate states.
func Sentence(b Backup, p Proof) string {
	what, how := "The backup "+b.ID+" of the database "+b.Database, "every row of its tables, its sequences, large objects and definitions were"
	if b.Part != "" {
		what = "The backup " + b.ID + " of a part of the database " + b.Database
	}
	if !p.Witnessed { // what the bucket says, and whoever may write there
		what = "According to its records, the" + strings.TrimPrefix(what, "The")
	}
	switch {
	case p.OfRows > 0:
		how = "a sample of what it holds, " + p.rowsCompared() + " rows, was"
	case !p.Whole:
		how = fmt.Sprintf("all but %s of what it holds was", things(p.NotCompared))
	}
	return fmt.Sprintf("%s (%s) was restored at %s into a PostgreSQL server of its own, and %s found to be as in the backup.", what, b.Source, moment(p.At), how)
}

func things(n int) string {
	if n == 1 {
		return "one thing"
	}
	return fmt.Sprintf("%d things", n)
}
