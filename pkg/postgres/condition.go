package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/pkg/quantity"
)

// Condition is how a server is set up, as far as its backups of the next months are concerned.
type Condition struct {
	Major int
	// Ahead is how far its clock is ahead of this machine's, at the least; negative where it is behind.
	Ahead time.Duration
	// Of a standby: whether the primary is told what it reads, and for how long it holds replication up for a query, -1 for ever.
	Standby  bool
	Feedback bool
	Delay    time.Duration
}

// Concern is what somebody should know of a server, though backups of it can be made now.
type Concern struct {
	About   string // one word or two
	Message string
	Hint    string
}

// ConditionOf asks a server over an open connection for its condition. Errors are the driver's.
func ConditionOf(ctx context.Context, conn *pgx.Conn) (Condition, error) {
	var c Condition
	var version, delay int
	var clock float64
	before := time.Now()
	err := conn.QueryRow(ctx, `
		SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4, extract(epoch FROM pg_catalog.clock_timestamp())::pg_catalog.float8, pg_catalog.pg_is_in_recovery(),
		       pg_catalog.current_setting('hot_standby_feedback')::pg_catalog.bool, (SELECT setting::pg_catalog.int4 FROM pg_catalog.pg_settings WHERE name = 'max_standby_streaming_delay')`).
		Scan(&version, &clock, &c.Standby, &c.Feedback, &delay)
	c.Major, c.Delay = version/10000, time.Duration(delay)*time.Millisecond
	c.Ahead = ahead(time.UnixMicro(int64(clock*1e6)), before, time.Now())
	return c, err
}

// ahead is how far a clock that showed a time between two moments of ours is ahead of ours, at the least.
func ahead(shown, before, after time.Time) time.Duration {
	switch {
	case shown.After(after):
		return shown.Sub(after)
	case shown.Before(before):
		return shown.Sub(before)
	}
	return 0
}

const (
	clockTolerance = time.Minute
	// patient is how long a standby should hold replication up for a backup that reads.
	patient = time.Hour
	// notice is how long before its end a version is spoken of.
	notice = 180 * 24 * time.Hour
)

// endsOfLife are the days of the last minor releases: PostgreSQL's versioning policy, postgresql.org/support/versioning.
var endsOfLife = map[int]string{
	10: "2022-11-10", 11: "2023-11-09", 12: "2024-11-21", 13: "2025-11-13", 14: "2026-11-12", 15: "2027-11-11", 16: "2028-11-09", 17: "2029-11-08", 18: "2030-11-14",
}

// Concerns asks a server over an open connection for its condition and says what somebody should do about it. What cannot be asked is no
// concern: whether backups can be made is looked at elsewhere.
func Concerns(ctx context.Context, conn *pgx.Conn, now time.Time) []Concern {
	c, err := ConditionOf(ctx, conn)
	if err != nil {
		return nil
	}
	return c.Concerns(now)
}

// Concerns says what to do something about before it ends backups, or makes them say less than they could.
func (c Condition) Concerns(now time.Time) []Concern {
	var out []Concern
	end, known := endsOfLife[c.Major]
	if c.Major < 10 {
		end, known = "2021-11-11", true
	}
	if at, err := time.Parse(time.DateOnly, end); known && err == nil {
		const hint = "Plan the step to a newer major version. A backup of this one restores into all newer ones."
		switch left := at.Sub(now); {
		case left < 0:
			out = append(out, Concern{"version", fmt.Sprintf("PostgreSQL %d has had no security fixes since %s", c.Major, end), hint})
		case left < notice:
			out = append(out, Concern{"version", fmt.Sprintf("PostgreSQL %d gets no security fixes from %s on", c.Major, end), hint})
		}
	}
	if c.Ahead.Abs() > clockTolerance {
		way := "ahead of"
		if c.Ahead < 0 {
			way = "behind"
		}
		out = append(out, Concern{"clock", fmt.Sprintf("the clock of the database's server is %s %s this machine's: which backup holds what was written when is told wrong by as much", quantity.Duration(c.Ahead.Abs()), way),
			"Let both machines set their clocks by the network: timedatectl set-ntp true."})
	}
	if c.Standby && !c.Feedback && c.Delay >= 0 && c.Delay < patient {
		out = append(out, Concern{"standby", fmt.Sprintf("it is a standby that ends a query after %s where replication has to go on: a backup that reads for longer can fail", strings.TrimSpace(quantity.Duration(c.Delay))),
			"Set hot_standby_feedback = on there, or a max_standby_streaming_delay that is longer than a backup takes (-1 waits forever)."})
	}
	return out
}
