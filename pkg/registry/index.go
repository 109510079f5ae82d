package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"

	"cofre/pkg/fault"
)

// search gives the place of an id, and whether it is there.
func (x *Index) search(id string) (int, bool) {
	i := sort.Search(len(x.Backups), func(i int) bool { return x.Backups[i].ID >= id })
	return i, i < len(x.Backups) && x.Backups[i].ID == id
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

// parseIndex reads registry.json. It returns an errDamaged for anything that a rebuild mends, and a fault for
// a version that this program must not touch.
func parseIndex(data []byte) (*Index, error) {
	var head struct {
		Version *int `json:"version"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, errDamaged{"not JSON: " + err.Error()}
	}
	if head.Version == nil || *head.Version < 1 {
		return nil, errDamaged{"no version"}
	}
	if *head.Version > IndexVersion {
		return nil, newerVersion("registry.json", *head.Version)
	}
	var x Index
	if err := json.Unmarshal(data, &x); err != nil {
		return nil, errDamaged{err.Error()}
	}
	if x.Backups == nil {
		x.Backups = []Backup{}
	}
	for i := range x.Backups {
		if err := checkRecord(&x.Backups[i]); err != nil {
			return nil, errDamaged{err.Error()}
		}
	}
	sort.SliceStable(x.Backups, func(i, j int) bool { return x.Backups[i].ID < x.Backups[j].ID })
	for i := 1; i < len(x.Backups); i++ {
		if x.Backups[i].ID == x.Backups[i-1].ID {
			return nil, errDamaged{"id " + x.Backups[i].ID + " stands twice"}
		}
	}
	return &x, nil
}

// marshal gives the bytes of registry.json, readable with a pager at 3 a.m.
func (x *Index) marshal() ([]byte, error) {
	x.Version = IndexVersion
	if x.Backups == nil {
		x.Backups = []Backup{}
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(x); err != nil {
		return nil, fmt.Errorf("encode registry.json: %w", err)
	}
	return buf.Bytes(), nil
}

// checkRecord refuses records that no cofre wrote: they must not name objects outside files/.
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
	return nil
}

func newerVersion(what string, v int) error {
	return fault.New(fault.Validation, fault.NewerVersion,
		"Nothing was changed. Install the newest cofre on this machine and run it again.",
		"%s was written by a newer cofre (version %d, this one knows %d)", what, v, IndexVersion)
}

// isDamaged tells whether a record was read and is not what cofre writes.
func isDamaged(err error) bool { return fault.HasReason(err, fault.StructureDamaged) }
