package api

import (
	"cmp"
	"context"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/contents"
	"cofre/pkg/registry"
)

// runLog says what was noted while a backup was made.
func (a *API) runLog(ctx context.Context, c *call) (answer, error) {
	b, lines, err := a.Service.RunLog(ctx, c.resource)
	if err != nil {
		return answer{}, err
	}
	return ok(contract.BackupLog{ID: b.ID, Lines: each(lines, func(l backup.LogLine) contract.LogLine { return contract.LogLine{At: l.At, Text: l.Text} })}), nil
}

// contents says what a backup contains.
func (a *API) contents(ctx context.Context, c *call) (answer, error) {
	var p contract.GetBackupContentsParams
	if err := c.read(&p, nil); err != nil {
		return answer{}, err
	}
	_, found, err := a.Service.Contents(ctx, c.resource)
	if err != nil {
		return answer{}, err
	}
	t := found.Totals()
	out := contract.BackupContents{ID: found.ID, At: found.At, Totals: contract.ContentsTotals{Tables: t.Tables, Rows: t.Rows, Bytes: t.Bytes, Stored: t.Stored},
		Sequences: len(found.Sequences), Definitions: len(found.Definitions), Warnings: each(found.Warnings, rowsLost)}
	if l := found.LargeObjects; l != nil {
		out.LargeObjects = contract.ContentsLargeObjects{Count: l.Count, Bytes: l.Bytes, Stored: l.Stored, Hash: l.Hash.String()}
	}
	tables := found.Select(p.Search, contents.Order(p.Sort))
	out.Matching = len(tables)
	tables = tables[min(p.Offset, len(tables)):]
	out.Tables = each(tables[:min(cmp.Or(p.Limit, defaultTables), len(tables))], contentsTable)
	return ok(out), nil
}

// defaultTables are shown where nothing is asked for.
const defaultTables = 200

func contentsTable(t *contents.Table) contract.ContentsTable {
	out := contract.ContentsTable{Schema: t.Schema, Name: t.Name, Kind: contract.ContentsTableKind(t.Kind), Data: t.Data, Rows: t.Rows, Bytes: t.Bytes, Stored: t.Stored, ReadAt: t.ReadAt}
	if t.Data {
		out.Hash, out.HashKind = t.Hash.String(), string(t.HashKind)
	}
	if t.RootName != "" {
		out.Root = contents.Qualified(t.RootSchema, t.RootName)
	}
	return out
}

func rowsLost(w contents.Warning) contract.RowsLost {
	return contract.RowsLost{Table: w.Label(), Before: w.Before, After: w.After, Percent: w.Percent(), Dropped: w.Dropped}
}

// diff says what changed between two backups.
func (a *API) diff(ctx context.Context, c *call) (answer, error) {
	var p contract.DiffBackupsParams
	if err := c.read(&p, nil); err != nil {
		return answer{}, err
	}
	d, err := a.Service.Diff(ctx, p.With, c.resource)
	if err != nil {
		return answer{}, err
	}
	c.note("with", d.Before.ID)
	limit := cmp.Or(p.Limit, defaultTables)
	out := contract.BackupDiff{
		Before: contract.DiffedBackup{ID: d.Before.ID, At: d.Before.CreatedAt}, After: contract.DiffedBackup{ID: d.After.ID, At: d.After.CreatedAt},
		Equal: d.Equal(), SameTables: d.SameTables, ChangedTables: len(d.Tables), ChangedSequences: len(d.Sequences), ChangedDefinitions: len(d.Definitions),
		Tables: each(d.Tables[:min(limit, len(d.Tables))], tableDiff), Sequences: each(d.Sequences[:min(limit, len(d.Sequences))], sequenceDiff),
		Definitions: each(d.Definitions[:min(limit, len(d.Definitions))], definitionDiff), Notes: list(d.Notes),
	}
	if l := d.LargeObjects; l != nil {
		out.LargeObjects = tableDiff(contents.TableDiff{Name: contents.LargeObjectsTable, Kind: "large objects", Change: l.Change, Before: &l.Before, After: &l.After})
	}
	return ok(out), nil
}

func tableDiff(t contents.TableDiff) contract.TableDiff {
	out := contract.TableDiff{Schema: t.Schema, Name: t.Name, Kind: t.Kind, Change: contract.Change(t.Change)}
	if t.Before != nil {
		out.RowsBefore, out.BytesBefore = &t.Before.Rows, &t.Before.Bytes
	}
	if t.After != nil {
		out.RowsAfter, out.BytesAfter = &t.After.Rows, &t.After.Bytes
	}
	return out
}

func sequenceDiff(s contents.SequenceDiff) contract.SequenceDiff {
	return contract.SequenceDiff{Schema: s.Schema, Name: s.Name, Before: s.Before, After: s.After}
}

func definitionDiff(d contents.DefinitionDiff) contract.DefinitionDiff {
	return contract.DefinitionDiff{Kind: d.Kind, Schema: d.Schema, Name: d.Name, Change: contract.Change(d.Change)}
}

// contentsSummary is what a record says of what the backup contains.
func contentsSummary(b backup.Backup) contract.ContentsSummary {
	k := b.Contents
	return contract.ContentsSummary{Known: k.Missing == "", Missing: k.Missing, Readable: k.Missing == "" && (b.Encryption != "age" || k.ServerKey),
		Tables: k.Tables, Rows: k.Rows, Compared: k.Compared, NotCompared: k.NotCompared, Lost: k.Lost, Warnings: each(k.Warnings, recordedLoss)}
}

func recordedLoss(w registry.RowsLost) contract.RowsLost {
	return contract.RowsLost{Table: w.Table, Before: w.Before, After: w.After, Percent: w.Percent, Dropped: w.Dropped}
}
