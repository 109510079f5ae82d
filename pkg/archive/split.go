package archive

import (
	"cmp"
	"slices"
)

// Split plans up to n archives that together hold all data of an archive, to be restored at the same time, each by
// "pg_restore --section=data" reading a pipe, between the pre-data and post-data sections of the original (of which
// Select with no Data makes an archive without any block). Blocks go to the parts so that their sizes are about equal.
//
// Entries of the data section that have no block, such as the values of sequences, are in the first part only, and so
// is everything about large objects, which must be created before they are filled. Every part has the entries that set
// encoding and search path.
func Split(h *Head, index []BlockInfo, n int) ([]*Layout, error) {
	part := assign(h, index, max(n, 1))
	var out []*Layout
	for p := range max(n, 1) {
		blocks := 0
		sel := Selection{Entry: func(e *Entry) bool {
			if isSpecial(e) {
				return true
			}
			q, ok := part[e.DumpID]
			if ok && q == p {
				blocks++
			}
			return ok && q == p
		}}
		l, err := Select(h, index, sel)
		if err != nil {
			return nil, err
		}
		if blocks > 0 {
			out = append(out, l)
		}
	}
	return out, nil
}

// isSpecial tells the entries that pg_restore reads whatever is selected (_tocEntryRequired, REQ_SPECIAL).
func isSpecial(e *Entry) bool {
	return e.Desc == "ENCODING" || e.Desc == "STDSTRINGS" || e.Desc == "SEARCHPATH"
}

// assign gives each entry of the data section its part.
func assign(h *Head, index []BlockInfo, n int) map[int32]int {
	size := make(map[int32]int64, len(index))
	for _, b := range index {
		size[b.DumpID] = b.Length
	}
	part := map[int32]int{}
	load := make([]int64, n)
	var tables []*Entry
	// Entries of no section belong to that of the last entry before them (ProcessArchiveRestoreOptions).
	section := SectionPreData
	for i := range h.Entries {
		e := &h.Entries[i]
		if e.Section != SectionNone {
			section = e.Section
		}
		switch {
		case section != SectionData || isSpecial(e):
		case e.HasData && e.Desc != descBlobs:
			tables = append(tables, e)
		default:
			part[e.DumpID] = 0
			load[0] += size[e.DumpID]
		}
	}
	// The largest first, each to the part that has least.
	slices.SortStableFunc(tables, func(a, b *Entry) int { return cmp.Compare(size[b.DumpID], size[a.DumpID]) })
	for _, e := range tables {
		least := 0
		for p := range load {
			if load[p] < load[least] {
				least = p
			}
		}
		part[e.DumpID] = least
		load[least] += size[e.DumpID] + 1 // tables without rows are spread, too
	}
	return part
}
