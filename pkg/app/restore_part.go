package app

import (
	"bytes"
	"context"

	"cofre/pkg/archive"
	"cofre/pkg/backup"
	"cofre/pkg/part"
	"cofre/pkg/pgdump"
	"cofre/pkg/postgres"
)

// partOf reads which part is meant.
func partOf(p backup.Part) (part.Selection, error) {
	s := part.Selection{Schemas: p.Schemas, Tables: p.Tables, ExcludeSchemas: p.ExcludeSchemas, ExcludeTables: p.ExcludeTables, Sections: p.Sections,
		SchemaOnly: p.SchemaOnly, DataOnly: p.DataOnly, Strict: p.Strict}
	if p.List != nil {
		list, err := part.ParseList(p.List)
		if err != nil {
			return s, err
		}
		s.List = list
	}
	if p.As != "" {
		as, err := postgres.ParseTable(p.As)
		if err != nil {
			return s, err
		}
		s.As = &as
	}
	return s, s.Check()
}

// CheckPart implements backup.Engine.
func (e *database) CheckPart(p backup.Part) error {
	_, err := partOf(p)
	return err
}

var sectionNames = map[archive.Section]string{archive.SectionPreData: "pre-data", archive.SectionData: "data", archive.SectionPostData: "post-data"}

// Entries implements backup.Engine.
func (e *database) Entries(ctx context.Context, p backup.Part, in backup.RestoreInput) (backup.Listing, error) {
	list := backup.Listing{Entries: []backup.ListedEntry{}}
	s, err := partOf(p)
	if err != nil {
		return list, err
	}
	ro := pgdump.RestoreOptions{Part: s, Jobs: 2} // as for reading by ranges
	r, err := openRestore(ctx, &ro, in)
	if err != nil {
		return list, err
	}
	defer r.Close()
	head, err := archive.ReadHead(ctx, r, archive.Options{})
	if err != nil {
		return list, err
	}
	chosen, err := part.Choose(head, s)
	if err != nil {
		return list, err
	}
	stored := map[int32]int64{}
	if ro.Ranges != nil {
		for _, b := range ro.Ranges.Resolved(head).Index {
			stored[b.DumpID] = b.Length
		}
	}
	for _, e := range chosen.Chosen() {
		list.Entries = append(list.Entries, backup.ListedEntry{ID: e.DumpID, Kind: e.Desc, Schema: e.Namespace, Name: e.Tag, Owner: e.Owner,
			Section: sectionNames[chosen.Section(e)], Bytes: stored[e.DumpID]})
	}
	var text bytes.Buffer
	err = chosen.WriteList(&text)
	list.Text = text.Bytes()
	return list, err
}
