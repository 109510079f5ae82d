package archive

// Command makes an entry of our own that executes SQL when the archive is restored, for a table of contents that is
// changed. The dump id must be free.
func Command(id int32, desc, tag string, section Section, sql string) Entry {
	e := Entry{DumpID: id, Desc: desc, Tag: tag, Section: section, Defn: sql, OffsetState: OffsetNoData}
	e.null = e.null.with(fieldDropStmt).with(fieldCopyStmt).with(fieldNamespace).with(fieldTablespace).with(fieldTableAM).with(fieldOwner)
	return e
}

// FreeID returns a dump id above all of the table of contents.
func (h *Head) FreeID() int32 {
	id := int32(0)
	for i := range h.Entries {
		id = max(id, h.Entries[i].DumpID)
	}
	return id + 1
}
