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
	at, total := make(map[int32]BlockInfo, len(index)), int64(0)
	for _, b := range index {
		at[b.DumpID] = b
		total += b.Length
	}
	part := map[int32]int{}
	load := make([]int64, n)
	// A tenth of a part at most, so that parts of small tables alone are about equal, too.
	runs := runs{limit: min(mostOfRun, total/int64(10*n))}
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
			runs.add(e.DumpID, at[e.DumpID])
		default:
			part[e.DumpID] = 0
			load[0] += at[e.DumpID].Length
		}
	}
	// The largest first, each to the part that has least.
	slices.SortStableFunc(runs.all, func(a, b run) int { return cmp.Compare(b.size, a.size) })
	for _, r := range runs.all {
		least := 0
		for p := range load {
			if load[p] < load[least] {
				least = p
			}
		}
		for _, id := range r.ids {
			part[id] = least
		}
		load[least] += r.size + int64(len(r.ids)) // tables without rows are spread, too
	}
	return part
}

// run is a table, or small ones that lie one behind the other: they stay together, so that a part of many small tables is
// read by few requests.
type run struct {
	ids  []int32
	size int64
	end  int64 // where its last block ends
}

type runs struct {
	all   []run
	limit int64 // bytes of a run
}

// mostOfRun bounds a run in bytes: less than a request to storage is worth.
const mostOfRun = 1 << 20

func (r *runs) add(id int32, b BlockInfo) {
	if n := len(r.all); n > 0 && b.Length > 0 && r.all[n-1].end == b.Offset && r.all[n-1].size+b.Length <= r.limit {
		last := &r.all[n-1]
		last.ids, last.size, last.end = append(last.ids, id), last.size+b.Length, b.Offset+b.Length
		return
	}
	r.all = append(r.all, run{[]int32{id}, b.Length, b.Offset + b.Length})
}
