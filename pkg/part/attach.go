package part

import (
	"slices"

	"cofre/pkg/archive"
)

// attachLast lets partitions whose partitioned table is not in the part be attached behind their indexes and keys: pg_dump attaches them
// to one that has none yet. One that is there gives them its own, unless they have the like.
func (p *Part) attachLast(final []bool, h *archive.Head) {
	var moved, indexes []archive.Entry
	h.Entries = slices.DeleteFunc(h.Entries, func(e archive.Entry) bool {
		if e.Desc == "TABLE ATTACH" && p.outside(&e, final) {
			e.Section = archive.SectionPostData
			moved = append(moved, e)
			return true
		}
		return false
	})
	if len(moved) == 0 {
		return
	}
	h.Entries = slices.DeleteFunc(h.Entries, func(e archive.Entry) bool {
		if e.Desc == "INDEX ATTACH" && p.outside(&e, final) {
			indexes = append(indexes, e)
			return true
		}
		return false
	})
	// For pg_restore with several sessions, which goes by dependencies.
	last := 0
	var before, attached []int32
	for i := range h.Entries {
		if e := &h.Entries[i]; e.Desc == "INDEX" || e.Desc == "CONSTRAINT" || e.Desc == "INDEX ATTACH" {
			last = i + 1
			before = append(before, e.DumpID)
		} else if e.Section != archive.SectionPostData && e.Section != archive.SectionNone {
			last = max(last, i+1)
		}
	}
	for i := range moved {
		moved[i].Dependencies = append(slices.Clone(moved[i].Dependencies), before...)
		attached = append(attached, moved[i].DumpID)
	}
	for i := range indexes {
		indexes[i].Dependencies = append(slices.Clone(indexes[i].Dependencies), attached...)
	}
	h.Entries = slices.Insert(h.Entries, last, append(moved, indexes...)...)
}

// outside reports whether what an entry attaches is attached to something that is not in the part.
func (p *Part) outside(e *archive.Entry, final []bool) bool {
	to, ok := attachedTo(e)
	for _, d := range p.toc.dependencies(e) {
		o := &p.toc.head.Entries[d]
		named := nameOf(o) == to
		if o.Desc == "CONSTRAINT" {
			index, _ := ObjectOf(o)
			named = name{index.Schema, index.Name} == to
		}
		if ok && named && final[d] {
			return false
		}
	}
	return true
}

// attachedTo gives the partitioned table or index that an entry attaches to.
func attachedTo(e *archive.Entry) (name, bool) {
	for _, s := range statements(e.Defn) {
		if s.begins("alter", "index") {
			return s.qualified(2)
		}
		return s.table()
	}
	return name{}, false
}
