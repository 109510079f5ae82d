package source

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"cofre/pkg/fault"
	"cofre/pkg/schedule"
)

// Settings are what is wanted of one source: where it is, when backups of it are made, and how. They are said in the words of
// cofre.yaml, wherever they come from. What is left out is a default of the deployment's: [Settings.Or] puts those in.
type Settings struct {
	Name       string     `json:"name"`
	Connection Connection `json:"connection,omitzero"`
	// Databases choose databases of the connection's server: each is a source of its own then, and this one is none; see Follow.
	Databases Patterns `json:"databases,omitempty"`
	// Schedule is a cron expression, or Never. Zone is that of its hours, and of the source's calendar.
	Schedule string `json:"schedule,omitempty"`
	Zone     string `json:"zone,omitempty"`
	// Paused: no backup of it is made until somebody asks for one, and none is missed.
	Paused     bool              `json:"paused,omitempty"`
	MaxAge     string            `json:"maxAge,omitempty"` // how old its last good backup may be: 26h, 7d
	Proofs     string            `json:"proofs,omitempty"` // how often it is proven: daily, weekly, monthly or Never
	Format     string            `json:"format,omitempty"` // custom or plain
	Jobs       int               `json:"jobs,omitempty"`   // connections that read rows at once
	Rows       string            `json:"rows,omitempty"`   // how rows are written: text or binary
	Restore    []string          `json:"restore,omitempty"`
	Thresholds Thresholds        `json:"thresholds,omitzero"`
	Copies     []string          `json:"copies,omitzero"` // the second locations that its backups are copied to; nil is the deployment's
	Tags       map[string]string `json:"tags,omitempty"`  // labels of each of its backups
	// MaxSizeGB bounds one of its backups, in stored gigabytes of 2^30 bytes.
	MaxSizeGB float64 `json:"maxSizeGB,omitempty"`
	// Checks is the path of a file of questions that its proofs ask, and Asked what stands in it. Only a file says that.
	Checks       string `json:"checks,omitempty"`
	ProofTimeout string `json:"proofTimeout,omitempty"` // of each of its proofs: 90m, 6h
	// Retention and ObjectLock are nil where nothing is said of them, and Ping where nobody is pinged.
	Retention  *Retention  `json:"retention,omitempty"`
	ObjectLock *ObjectLock `json:"objectLock,omitempty"`
	Ping       *Ping       `json:"ping,omitempty"`

	Asked []Question `json:"-"`

	Origin Origin `json:"-"`
	// Lines are where the keys stand in the file, such as retention.days; nil elsewhere.
	Lines map[string]int `json:"-"`
	// Defaulted are the keys whose values are defaults; see Or.
	Defaulted []string `json:"-"`
	// Database is another one on the connection's server than the connection's own.
	Database string `json:"-"`
}

// Never is a schedule of no time, and says that no proofs are made.
const Never = "never"

// Connection says where a connection URL is to be had, never the URL itself. At most one of them is set; none is the environment's own
// (DATABASE_URL and libpq's variables).
type Connection struct {
	Env    string `json:"env,omitempty"`    // a variable that holds it
	File   string `json:"file,omitempty"`   // a file that holds it and nothing else
	Secret string `json:"secret,omitempty"` // the ARN of a secret in AWS Secrets Manager
	// Stored is the secret text that is kept, encrypted, beside what the bucket says; nil where none is.
	Stored *Stored `json:"-"`
}

// Stored is a secret text that is kept in the bucket.
type Stored struct {
	Version string // of what is kept: another one may have another text
	// Open decrypts it, in memory.
	Open func() (string, error)
}

// Key tells connections apart, and the states of one that is kept.
func (c Connection) Key() string {
	if c.Stored != nil {
		return "stored " + c.Stored.Version
	}
	return c.String()
}

// IsZero leaves it out of JSON.
func (c Connection) IsZero() bool { return c.Env == "" && c.File == "" && c.Secret == "" }

// ways is in how many ways it says where the text is to be had.
func (c Connection) ways() (n int) {
	for _, said := range []bool{c.Env != "", c.File != "", c.Secret != "", c.Stored != nil} {
		if said {
			n++
		}
	}
	return n
}

// String names the reference for people.
func (c Connection) String() string {
	switch {
	case c.Env != "":
		return "variable " + c.Env
	case c.File != "":
		return "file " + c.File
	case c.Secret != "":
		return "secret " + c.Secret
	case c.Stored != nil:
		return "kept, encrypted"
	}
	return "DATABASE_URL"
}

// Thresholds say when something about a new backup is worth a warning.
type Thresholds struct {
	// RowsLostPercent is how much of its rows a table must have lost since the backup before, 0 to 100; 0 warns of nothing.
	RowsLostPercent *int `json:"rowsLostPercent,omitempty"`
	// RowsLostMinimum is how many rows it must have had.
	RowsLostMinimum int64 `json:"rowsLostMinimum,omitempty"`
}

// Origin is where a source's settings come from: the environment (the zero value), a line of a file, or the bucket.
type Origin struct {
	Kind OriginKind `json:"kind"`
	File string     `json:"file,omitempty"`
	Line int        `json:"line,omitempty"` // from 1
	// Changed is when settings in the bucket were changed last; zero for others.
	Changed time.Time `json:"-"`
}

// OriginKind is where settings come from.
type OriginKind string

// The kinds of origins. What stands in a file is changed there and nowhere else.
const (
	FromEnvironment OriginKind = ""
	FromFile        OriginKind = "file"
	FromBucket      OriginKind = "bucket"
)

// MarshalText implements [encoding.TextMarshaler].
func (k OriginKind) MarshalText() ([]byte, error) {
	return []byte(cmp.Or(string(k), "environment")), nil
}

// Environment tells whether the settings come from the environment.
func (o Origin) Environment() bool { return o.Kind == FromEnvironment }

// String names the origin for people.
func (o Origin) String() string {
	switch o.Kind {
	case FromFile:
		return fmt.Sprintf("%s, line %d", o.File, o.Line)
	case FromBucket:
		return "made here"
	}
	return "environment"
}

// Or returns the settings with those of d for what they leave out, and notes which those are. Name, connection and origin stay, and tags are added.
func (s Settings) Or(d Settings) Settings {
	s.Defaulted = nil
	or(&s, "schedule", &s.Schedule, d.Schedule)
	or(&s, "zone", &s.Zone, d.Zone)
	or(&s, "maxAge", &s.MaxAge, d.MaxAge)
	or(&s, "proofs", &s.Proofs, d.Proofs)
	or(&s, "format", &s.Format, d.Format)
	or(&s, "jobs", &s.Jobs, d.Jobs)
	or(&s, "rows", &s.Rows, d.Rows)
	or(&s, "thresholds.rowsLostPercent", &s.Thresholds.RowsLostPercent, d.Thresholds.RowsLostPercent)
	or(&s, "thresholds.rowsLostMinimum", &s.Thresholds.RowsLostMinimum, d.Thresholds.RowsLostMinimum)
	or(&s, "maxSizeGB", &s.MaxSizeGB, d.MaxSizeGB)
	or(&s, "proofTimeout", &s.ProofTimeout, d.ProofTimeout)
	or(&s, "objectLock", &s.ObjectLock, d.ObjectLock)
	if s.Copies == nil && d.Copies != nil {
		s.Copies, s.Defaulted = d.Copies, append(s.Defaulted, "copies")
	}
	if len(d.Tags) > 0 {
		tags := maps.Clone(d.Tags)
		maps.Copy(tags, s.Tags)
		s.Tags = tags
	}
	return s
}

func or[T comparable](s *Settings, key string, v *T, d T) {
	var nothing T
	if *v == nothing && d != nothing {
		*v = d
		s.Defaulted = append(s.Defaulted, key)
	}
}

// Plan tells when backups are due; ok is false where there is no schedule, paused or not. Hours are those of the source's zone, unless the
// expression says another.
func (s Settings) Plan() (plan schedule.Schedule, ok bool, err error) {
	if s.Schedule == "" || s.Schedule == Never {
		return plan, false, nil
	}
	expr := s.Schedule
	if s.Zone != "" && !strings.Contains(expr, zoned) {
		expr = zoned + s.Zone + " " + expr
	}
	plan, err = schedule.Parse(expr)
	return plan, err == nil, err
}

// zoned begins an expression that says its zone itself.
const zoned = "CRON_TZ="

// Age is how old the last good backup may be; 0 where nothing is said.
func (s Settings) Age() time.Duration {
	age, _ := parseAge(s.MaxAge)
	return age
}

func parseAge(text string) (time.Duration, bool) {
	if text == "" {
		return 0, true
	}
	number, unit := text[:len(text)-1], map[byte]time.Duration{'h': time.Hour, 'd': 24 * time.Hour}[text[len(text)-1]]
	n, err := strconv.Atoi(number)
	return time.Duration(n) * unit, err == nil && unit > 0 && n > 0 && n < 1_000_000 && number[0] != '+'
}

// proofs are how often a source may be proven.
var proofs = map[string]time.Duration{"": 0, Never: 0, "daily": 24 * time.Hour, "weekly": 7 * 24 * time.Hour, "monthly": 30 * 24 * time.Hour}

// ProveEvery is the time between two proofs; 0 where none is wanted.
func (s Settings) ProveEvery() time.Duration { return proofs[s.Proofs] }

// maxTags bounds the tags of a source, by what a backup may have of labels.
const maxTags = 20

// Check refuses what cannot be, in words that name the key. Where the settings come from is the caller's to say.
func (s Settings) Check() error {
	if all := s.Faults(); len(all) > 0 {
		return all[0]
	}
	return nil
}

// Faults are all that Check refuses.
func (s Settings) Faults() (all []error) {
	put := func(more ...error) {
		for _, err := range more {
			if err != nil {
				all = append(all, err)
			}
		}
	}
	put(CheckName(s.Name), s.Databases.check())
	put(s.checkTimes()...)
	if !slices.Contains([]string{"", "custom", "plain"}, s.Format) {
		put(refused("format: %.40q is neither custom nor plain", s.Format))
	}
	if !slices.Contains([]string{"", "text", "binary"}, s.Rows) {
		put(refused("rows: %.40q is neither text nor binary", s.Rows))
	}
	if s.Rows == "binary" && s.Format == "plain" {
		put(refused("rows: they cannot be binary in an SQL script (format: plain)"))
	}
	if s.Jobs < 0 || s.Jobs > 64 {
		put(refused("jobs: want a number from 1 to 64"))
	}
	if p := s.Thresholds.RowsLostPercent; p != nil && (*p < 0 || *p > 100) {
		put(refused("thresholds.rowsLostPercent: want a number from 0 to 100"))
	}
	if m := s.Thresholds.RowsLostMinimum; m < 0 || m > 1_000_000_000 {
		put(refused("thresholds.rowsLostMinimum: want a number from 1 to 1,000,000,000"))
	}
	for i, name := range s.Copies {
		if name == "" || slices.Contains(s.Copies[:i], name) {
			put(refused("copies: %.80q stands there twice, or names nothing", name))
			break
		}
	}
	if s.MaxSizeGB != 0 && !(s.MaxSizeGB >= 0.001 && s.MaxSizeGB <= maxSizeGB) { // NaN is neither
		put(refused("maxSizeGB: want a number from 0.001 to 1,000,000"))
	}
	put(s.Retention.faults("retention.")...)
	put(s.ObjectLock.check())
	if s.Ping != nil && !s.Ping.whole() {
		put(refused("ping: want exactly one of the keys env, file, secret"))
	}
	put(checkTags(s.Tags))
	return all
}

// checkTimes refuses what is said of times and cannot be.
func (s Settings) checkTimes() (all []error) {
	zone := true
	if s.Zone != "" {
		if _, err := schedule.Zone(s.Zone); err != nil {
			zone, all = false, append(all, refused("zone: %s", err))
		} else if strings.Contains(s.Schedule, zoned) {
			zone, all = false, append(all, refused("zone and schedule: two time zones; leave %s or the key zone out", zoned))
		}
	}
	if !zone {
		s.Zone = "" // what the schedule itself says is looked at
	}
	if _, _, err := s.Plan(); err != nil {
		all = append(all, refused("schedule: %s", err))
	}
	if _, ok := parseAge(s.MaxAge); !ok {
		all = append(all, refused("maxAge: %.40q is no age: want a number of hours or days, such as 26h or 7d", s.MaxAge))
	}
	if _, known := proofs[s.Proofs]; !known {
		all = append(all, refused("proofs: %.40q is none of daily, weekly, monthly, never", s.Proofs))
	}
	if _, ok := parseTimeout(s.ProofTimeout); !ok {
		all = append(all, refused("proofTimeout: %.40q is no length of time: want a number of minutes or hours, such as 90m or 6h", s.ProofTimeout))
	}
	return all
}

const maxSizeGB = 1_000_000

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return refused("tags: want at most %d, not %d", maxTags, len(tags))
	}
	for k, v := range tags {
		if k == "" || len(k) > 60 || len(v) > 200 || strings.ContainsFunc(k+v, unicode.IsControl) || strings.ContainsRune(k, '=') {
			return refused("tags: %.80q does not fit: a key has 1 to 60 bytes and no =, a value at most 200, and neither a control character", k)
		}
	}
	return nil
}

func refused(format string, args ...any) error {
	return fault.New(fault.Validation, fault.InvalidInput, "Every key is in docs/operating.md.", format, args...)
}
