package pgdump

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"cofre/pkg/fault"
)

// Algorithm is a way of compressing the data inside the custom format.
type Algorithm string

// The algorithms. Auto is zstd:1 where pg_dump has it, gzip:1 otherwise. Measured with pg_dump 18.6 on 392 MB of COPY
// text, CPU seconds of pg_dump and MB of output: none 1.0 and 394, lz4 1.3 and 231, zstd:1 1.7 and 139, zstd:3 3.7 and 129,
// gzip:1 4.3 and 160. pg_dump compresses on the one thread that also reads, so that CPU is time.
const (
	Auto Algorithm = ""
	None Algorithm = "none"
	Gzip Algorithm = "gzip"
	Zstd Algorithm = "zstd"
	LZ4  Algorithm = "lz4"
)

// Compression is an algorithm and its level; level 0 means 1 for gzip and zstd, and the default of lz4.
type Compression struct {
	Algorithm Algorithm
	Level     int
}

// levels are the highest levels allowed; negative levels of zstd are not offered.
var levels = map[Algorithm]int{Auto: 0, None: 0, Gzip: 9, Zstd: 22, LZ4: 12}

// compression gives the value of --compress for this client. Before version 16, pg_dump knows gzip only, as a
// bare level.
func (c Client) compression(ctx context.Context, want Compression) (string, error) {
	refuse := func(hint, what string, args ...any) (string, error) {
		return "", fault.New(fault.Validation, fault.InvalidInput, hint, what, args...)
	}
	highest, known := levels[want.Algorithm]
	if !known {
		return refuse("Use none, gzip, zstd or lz4.", "the compression %q is unknown", want.Algorithm)
	}
	if want.Level < 0 || want.Level > highest {
		return refuse("Leave the level out, or choose a lower one.", "the compression level %d is not between 0 and %d", want.Level, highest)
	}
	want = c.Choose(ctx, want)
	switch {
	case c.Major < 16 && want.Algorithm == None:
		return "0", nil
	case c.Major < 16 && want.Algorithm == Gzip:
		return strconv.Itoa(want.Level), nil
	case want.Algorithm == None:
		return "none", nil
	case want.Algorithm != Gzip && !c.supports(ctx, want.Algorithm):
		return refuse("Use gzip, or a pg_dump of version 16 or newer that was built with "+string(want.Algorithm)+".",
			"pg_dump %s cannot compress with %s", c.Version, want.Algorithm)
	}
	return want.String(), nil
}

// builtWith remembers yes of supports, by program, version and algorithm: the question takes longer than a small dump.
var builtWith sync.Map

// supports tells whether pg_dump was built with an algorithm.
func (c Client) supports(ctx context.Context, a Algorithm) bool {
	if c.Major < 16 {
		return false
	}
	key := [3]string{c.PgDump, c.Version, string(a)}
	if _, known := builtWith.Load(key); known {
		return true
	}
	yes := c.ask(ctx, a)
	if yes {
		builtWith.Store(key, true)
	}
	return yes
}

// ask makes pg_dump say whether it knows an algorithm: it checks that before it tries to connect, here to a socket
// that cannot exist.
func (c Client) ask(ctx context.Context, a Algorithm) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.PgDump, "--format=custom", "--compress="+string(a)+":1", "--no-password",
		"--dbname=host=/dev/null/cofre user=cofre dbname=cofre")
	cmd.Env = baseEnv(os.Getenv)
	cmd.WaitDelay = time.Second
	out, _ := cmd.CombinedOutput()
	return bytes.Contains(out, []byte("/dev/null/cofre"))
}
