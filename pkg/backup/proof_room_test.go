package backup

import (
	"strings"
	"testing"

	"cofre/pkg/fault"
)

// When a proof has taken too much.
func TestRoomOfAProof(t *testing.T) {
	const gb = 1 << 30
	for _, c := range []struct {
		name       string
		room       roomOf
		used, free int64
		want       string
	}{
		{"within", roomOf{most: gb, slack: 10, reserve: 100}, gb + 10, 100, ""},
		{"more than it may", roomOf{most: gb, slack: 10, reserve: 100}, gb + 11, 5 * gb, "it took more than 1.0 GB (BACKUP_PROOF_MAX_GB)"},
		{"no limit", roomOf{reserve: 100}, 900 * gb, 100, ""},
		{"the disk is filling", roomOf{reserve: 1 << 20}, 0, 1<<20 - 1, "it took more than there is room for, and less than 1.0 MB were left on the disk"},
		{"nobody knows of the disk", roomOf{most: gb, reserve: 1 << 20}, gb, -1, ""},
	} {
		err := c.room.broken("01X", c.used, c.free)
		if c.want == "" && err == nil {
			continue
		}
		if f := fault.From(err); c.want == "" || err == nil || !strings.Contains(f.Message, "backup 01X could not be proven: "+c.want) || f.Hint == "" || f.Reason != fault.StorageFull {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
