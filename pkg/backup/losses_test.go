package backup_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"cofre/pkg/backup"
	"cofre/pkg/registry"
)

// A backup that warns of lost rows and the one before it outlive every limit for 30 days, in pages too; of a table that is emptied each
// night the first loss counts, and does not hide another table's.
func TestLossesAreKept(t *testing.T) {
	nightly := func(nights int, lost func(night int) []string) (out []backup.Backup) {
		for i := range nights {
			at := pagesNow.AddDate(0, 0, i-nights+1).Add(-time.Hour)
			b := backup.Backup{ID: ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String(), CreatedAt: at, Filename: fmt.Sprintf("b%03d.dump", i), Status: registry.Success, Source: "shop",
				Database: "shop", Format: "custom", Content: "all", Size: 1000, Attempt: 1, Verification: &registry.Verification{OK: true, Level: registry.LevelStream, At: at},
				Contents: &registry.Contents{Size: 1, SHA256: strings.Repeat("ab", 32)}}
			if i > 0 {
				b.Contents.Compared = out[i-1].ID
			}
			for _, table := range lost(nights - 1 - i) {
				if b.Contents.Lost++; table != "" {
					b.Contents.Warnings = append(b.Contents.Warnings, registry.RowsLost{Table: table, Before: 10, Percent: 100})
				}
			}
			b.Filepath, b.Outcome = registry.FilesPrefix+b.Filename, registry.Succeeded
			out = append(out, b)
		}
		return out
	}
	for name, c := range map[string]struct {
		lost func(ago int) []string // by how many nights ago
		kept []int                  // the same, beside the newest two
	}{
		"nothing":        {func(int) []string { return nil }, nil},
		"once":           {func(ago int) []string { return map[int][]string{20: {"orders"}}[ago] }, []int{20, 21}},
		"30 days ago":    {func(ago int) []string { return map[int][]string{30: {"orders"}}[ago] }, nil},
		"two tables":     {func(ago int) []string { return map[int][]string{20: {"orders"}, 10: {"customers"}}[ago] }, []int{10, 11, 20, 21}},
		"again":          {func(ago int) []string { return map[int][]string{20: {"orders"}, 10: {"orders"}}[ago] }, []int{20, 21}},
		"every night":    {func(int) []string { return []string{"staging"} }, []int{29, 30}},
		"beside another": {func(ago int) []string { return append([]string{"staging"}, map[int][]string{8: {"orders"}}[ago]...) }, []int{8, 9, 29, 30}},
		"without names":  {func(ago int) []string { return map[int][]string{20: {""}, 10: {""}}[ago] }, []int{20, 21}},
	} {
		for _, newest := range []int{0, 8} { // without pages, and with
			backups := nightly(40, c.lost)
			s := aged(t, newest, backup.Limits{MaxBackups: 2, RetentionDays: 7}, backups)
			if _, err := s.Cleanup(t.Context(), backup.CleanupOptions{}); err != nil {
				t.Fatal(err)
			}
			list, err := s.List(t.Context(), backup.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var kept []int
			for _, b := range list.Backups {
				if ago := len(backups) - 1 - slices.IndexFunc(backups, func(x backup.Backup) bool { return x.ID == b.ID }); ago > 1 {
					kept = append(kept, ago)
				}
			}
			if slices.Sort(kept); !slices.Equal(kept, c.kept) {
				t.Errorf("%s, pages beyond %d: %d are kept, not %d", name, newest, kept, c.kept)
			}
		}
	}
}
