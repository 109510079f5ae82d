package measure

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// adoptOrphans makes this process the parent of processes below it whose own parent ends.
func adoptOrphans() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("adopt orphans: %w", err)
	}
	return nil
}
