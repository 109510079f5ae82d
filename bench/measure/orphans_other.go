//go:build !linux

package measure

import "errors"

func adoptOrphans() error { return errors.New("benchmarks read /proc: they run on Linux only") }
