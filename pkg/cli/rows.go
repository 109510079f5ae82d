package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	xterm "golang.org/x/term"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/rows"
)

const rowsLong = `Shows the rows of one table of a backup, without a database server. Only the table's own part of the file
is read, also of an encrypted backup (with BACKUP_AGE_IDENTITY_FILE). TABLE is a table's name, with its
schema where several have it, as it is stored or quoted as in SQL.

Formats: csv has a line of names first, nothing for NULL and "" for an empty string; json is an object a line,
whose values are text or null; copy is COPY's text, for psql's \copy. Values are as PostgreSQL wrote them, or
would have: those of binary rows (cofre create --rows binary) have times with a zone in UTC. A checksum covers
the table as a whole, so that rows of a damaged backup may be shown before the error.

With --json the result is one document of 100 rows (or --limit, 1000 at most), 2 MiB at most in all and 10,000
bytes of each value.`

const rowsExamples = `  cofre rows latest customers --limit 10
  cofre rows 01JH5W0R8ZB3M7K2Q4X9T6V1NA sales.orders --columns id,total > orders.csv
  cofre rows 01JH5W0R8ZB3M7K2Q4X9T6V1NA customers --format json | jq -r .email
  cofre rows latest customers --format copy | psql -c '\copy customers_old from stdin' "$TARGET"`

func (p *program) rowsCommand() *cobra.Command {
	req, format := backup.RowsRequest{}, string(rows.CSV)
	c := &cobra.Command{
		Use: "rows ID TABLE [options]", Short: "Show the rows of one table of a backup", Long: rowsLong, Example: rowsExamples,
		Args: arguments(2, 2, "a backup's id, a table"), ValidArgsFunction: p.completeIDs(storedBackup, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if p.json && cmd.Flags().Changed("format") {
				return usage("Leave one of them out: --format json is an object a line.", "--json and --format cannot be used together")
			}
			req.Table = args[1]
			return p.rows(cmd.Context(), args[0], req, rows.Format(format))
		},
	}
	f := c.Flags()
	f.StringSliceVar(&req.Columns, "columns", nil, "only `COLUMNS`, such as id,name; they come in the table's order")
	f.Int64Var(&req.Limit, "limit", 0, "`N` rows at most; 0 is all")
	f.StringVar(&format, "format", format, "`FORMAT`: csv, json or copy")
	f.BoolVar(&req.AllowUnsigned, "allow-unsigned", false, "take a backup without a signature although BACKUP_TRUSTED_KEYS is set")
	fixedValues(c, "format", "csv", "json", "copy")
	return c
}

func (p *program) rows(ctx context.Context, ref string, req backup.RowsRequest, format rows.Format) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	req.Remark = func(line string) { p.note("%s", term.Clean(line)) }
	var shown backup.RowsShown
	if p.json {
		shown, err = p.rowsDocument(ctx, a.Service, ref, req)
	} else {
		shown, err = a.Service.Rows(ctx, ref, req, p.shown(), format)
	}
	if errors.Is(err, syscall.EPIPE) { // head has seen enough
		err = nil
	}
	p.acted(ctx, a, "rows", cmp.Or(shown.Backup.ID, ref), err, map[string]string{"table": tableName(shown, req), "rows": strconv.FormatInt(shown.Rows, 10)})
	return err
}

// shown is standard output for data that anybody may have written: a terminal gets no control characters, which could draw over
// what is on it, and none that turn the direction of what follows, which could make it read as something else.
func (p *program) shown() io.Writer {
	if f, ok := p.stdout.(*os.File); !ok || !xterm.IsTerminal(int(f.Fd())) {
		return p.stdout
	}
	return harmless{p.stdout}
}

type harmless struct{ io.Writer }

func (h harmless) Write(b []byte) (int, error) {
	out := bytes.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\ufffd'
		}
		return r
	}, b)
	if _, err := h.Writer.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

func tableName(shown backup.RowsShown, req backup.RowsRequest) string {
	if shown.Table == "" {
		return req.Table
	}
	return strings.TrimPrefix(shown.Schema+"."+shown.Table, ".")
}

// Rows of the document: as the API has them.
const (
	defaultRows = 100
	mostRows    = 1000
)

func (p *program) rowsDocument(ctx context.Context, s *backup.Service, ref string, req backup.RowsRequest) (backup.RowsShown, error) {
	if req.Limit > mostRows {
		return backup.RowsShown{}, usage("Leave --json out, and take --format json for all rows.", "a document has %d rows at most", mostRows)
	}
	req.Limit = cmp.Or(req.Limit, defaultRows)
	cells, shown, err := s.RowCells(ctx, ref, req)
	if err != nil {
		return shown, err
	}
	doc := contract.BackupRows{ID: shown.Backup.ID, Schema: shown.Schema, Table: shown.Table, Columns: cells.Columns, Rows: cells.Rows, More: cells.Full, Cut: cells.Cut}
	if doc.Columns == nil {
		doc.Columns = []string{}
	}
	return shown, p.print(doc, nil)
}
