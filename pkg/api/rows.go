package api

import (
	"context"
	"encoding/csv"
	"strings"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
)

// defaultRows are shown where nothing is asked for.
const defaultRows = 100

// rows shows the first rows of a table of a backup.
func (a *API) rows(ctx context.Context, c *call) (answer, error) {
	var p contract.GetBackupRowsParams
	if err := c.read(&p, nil); err != nil {
		return answer{}, err
	}
	c.note("table", p.Table)
	req := backup.RowsRequest{Table: p.Table, Limit: defaultRows}
	if p.Limit > 0 {
		req.Limit = int64(p.Limit)
	}
	var err error
	if req.Columns, err = columnList(p.Columns); err != nil {
		return answer{}, err
	}
	cells, shown, err := a.Service.RowCells(ctx, c.resource, req)
	if err != nil {
		return answer{}, err
	}
	c.note("rows", number(len(cells.Rows)))
	return ok(contract.BackupRows{ID: shown.Backup.ID, Schema: shown.Schema, Table: shown.Table, Columns: list(cells.Columns), Rows: cells.Rows, More: cells.Full, Cut: cells.Cut}), nil
}

// columnList reads names with commas between them, quoted as in CSV.
func columnList(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	r := csv.NewReader(strings.NewReader(s))
	names, err := r.Read()
	if err != nil {
		return nil, fault.Wrap(err, fault.Validation, fault.InvalidInput, `For example: id,name,"with a, comma"`, "%.100q is not a list of columns", s)
	}
	return names, nil
}
