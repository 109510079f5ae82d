package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"cofre/pkg/fault"
)

// search gives the place of an id, and whether it is there.
func (x *Index) search(id string) (int, bool) {
	i := sort.Search(len(x.Backups), func(i int) bool { return x.Backups[i].ID >= id })
	return i, i < len(x.Backups) && x.Backups[i].ID == id
}

// sort puts the backups into the order of their ids.
func (x *Index) sort() {
	byID := func(a, b Backup) int { return strings.Compare(a.ID, b.ID) }
	if !slices.IsSortedFunc(x.Backups, byID) {
		slices.SortStableFunc(x.Backups, byID)
	}
}

// equalJSON compares two values by what would be stored of them.
func equalJSON(a, b any) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}

// errDamaged says that registry.json cannot be trusted and must be rebuilt.
type errDamaged struct{ why string }

func (e errDamaged) Error() string { return "registry.json is damaged: " + e.why }

// damagedIndex is an errDamaged. What is wrong may be quoted in its cause, and be as long as all of it.
func damagedIndex(err error) error { return errDamaged{fault.Shorten(err.Error(), fault.MaxText)} }

// parseIndex reads registry.json. It returns an errDamaged for anything that a rebuild mends, and a fault for
// a version that this program must not touch, also when the rest of it is damaged.
func parseIndex(data []byte) (*Index, error) {
	if err := refuseNewer(data); err != nil {
		return nil, err
	}
	x, pages, backups, err := takeIndex(data)
	switch {
	case err != nil:
		return nil, damagedIndex(err)
	case x.Version > IndexVersion:
		return nil, newerVersion(IndexKey, x.Version, IndexVersion)
	case x.Version < 1:
		return nil, errDamaged{"no version"}
	}
	if x.Backups, err = readRecords(backups); err != nil {
		return nil, damagedIndex(err)
	}
	if x.Pages, err = readPages(pages); err == nil {
		err = x.checkPages()
	}
	if err != nil {
		return nil, damagedIndex(err)
	}
	x.sort()
	for i := 1; i < len(x.Backups); i++ {
		if x.Backups[i].ID == x.Backups[i-1].ID {
			return nil, errDamaged{"id " + x.Backups[i].ID + " stands twice"}
		}
	}
	return &x, nil
}

// head is what stands before the backups in registry.json, so that it can be read of a truncated one.
type head struct {
	Version     int
	LastCleanup json.RawMessage
	Settings    json.RawMessage
}

// readHead reads as far as it gets, and no further than the version when that is all that is wanted.
func readHead(data []byte, versionOnly bool) head {
	var h head
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return h
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return h
		}
		switch key {
		case "version":
			err = dec.Decode(&h.Version)
			if versionOnly {
				return h
			}
		case "lastCleanup":
			err = dec.Decode(&h.LastCleanup)
		case "settings":
			err = dec.Decode(&h.Settings)
		default:
			var skip json.RawMessage
			err = dec.Decode(&skip)
		}
		if err != nil {
			return h
		}
	}
	return h
}

// refuseNewer gives an error for a registry.json of a version that this program does not know.
func refuseNewer(data []byte) error {
	if h := readHead(data, true); h.Version > IndexVersion {
		return newerVersion(IndexKey, h.Version, IndexVersion)
	}
	return nil
}

// salvage takes the settings over from a damaged registry.json, as far as they can be read.
func (x *Index) salvage(damaged []byte) {
	h := readHead(damaged, false)
	if h.Version < 1 || h.Version > IndexVersion {
		return
	}
	settings, last := x.Settings, x.LastCleanup
	if h.Settings != nil && json.Unmarshal(h.Settings, &settings) == nil {
		x.Settings = settings
	}
	if h.LastCleanup != nil && json.Unmarshal(h.LastCleanup, &last) == nil {
		x.LastCleanup = last
	}
}

// marshal gives the bytes of registry.json: one backup a line, which a pager at 3 a.m. and diff like, and
// which takes a third less room and time than indented fields.
func (x *Index) marshal() ([]byte, error) {
	if x.Version = 1; len(x.Pages) > 0 {
		x.Version = IndexVersion
	}
	var buf bytes.Buffer
	buf.Grow(1024 + 700*len(x.Backups))
	line := lines(&buf)
	err := line("{\n \"version\": ", x.Version)
	if err == nil {
		err = line(",\n \"lastCleanup\": ", x.LastCleanup)
	}
	if err == nil {
		err = line(",\n \"settings\": ", x.Settings)
	}
	if err == nil && x.Swept > 0 {
		err = line(",\n \"swept\": ", x.Swept)
	}
	for i := range x.Pages {
		if err != nil {
			return nil, err
		}
		before := ",\n  "
		if i == 0 {
			before = ",\n \"pages\": [\n  "
		}
		err = line(before, &x.Pages[i])
	}
	if len(x.Pages) > 0 {
		buf.WriteString("\n ]")
	}
	buf.WriteString(",\n")
	if err == nil {
		err = encodeRecords(&buf, x.Backups)
	}
	buf.WriteString("}\n")
	return buf.Bytes(), err
}

// lines returns what writes a value behind some text, without a line's end.
func lines(buf *bytes.Buffer) func(before string, v any) error {
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	return func(before string, v any) error {
		buf.WriteString(before)
		if err := enc.Encode(v); err != nil {
			return fmt.Errorf("encode the records: %w", err)
		}
		buf.Truncate(buf.Len() - 1)
		return nil
	}
}

// encodeRecords writes the field "backups", one record a line.
func encodeRecords(buf *bytes.Buffer, backups []Backup) error {
	line := lines(buf)
	buf.WriteString(" \"backups\": [")
	for i := range backups {
		before := ",\n  "
		if i == 0 {
			before = "\n  "
		}
		if err := line(before, &backups[i]); err != nil {
			return err
		}
	}
	buf.WriteString("\n ]\n")
	return nil
}

// checkRecord refuses records that no cofre wrote: they must not name objects outside files/, nor a file name
// that is a path. It completes those that it takes, and marks those whose figures cannot be.
func checkRecord(b *Backup) error {
	if !ValidID(b.ID) {
		return fmt.Errorf("a record has the id %.40q", b.ID)
	}
	switch b.Status {
	case Success, Failed, InProgress:
	default:
		return fmt.Errorf("backup %s has the status %.40q", b.ID, b.Status)
	}
	if !validFilepath(b.Filepath) {
		return fmt.Errorf("backup %s has the file path %.80q", b.ID, b.Filepath)
	}
	if b.Filename != path.Base(b.Filepath) {
		return fmt.Errorf("backup %s has the file name %.80q, which is not the end of its path %.80q", b.ID, b.Filename, b.Filepath)
	}
	b.doubt()
	b.complete()
	return nil
}
