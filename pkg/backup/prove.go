package backup

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"cofre/pkg/archive"
	"cofre/pkg/contents"
	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/quantity"
	"cofre/pkg/registry"
	"cofre/pkg/source"
	"cofre/pkg/storage"
)

// ProveOptions tune a proof.
type ProveOptions struct {
	By            string // who wants it, for its record
	AllowUnsigned bool
	On            string        // the target where it is made; "" is Service.ProofTarget, or a server of its own where that is ""
	Jobs          int           // of the restore; 0 chooses
	Timeout       time.Duration // of the whole; 0 is the source's (Rules.Proofs), and where that has none Usual
	Usual         time.Duration // 0 is none
	// Checks are questions of the user's own, asked of what was restored; nil asks the source's.
	Checks []ProofCheck
	Log    func(line string)
	Remark func(line string)
	// Progress is called with the stored bytes read so far and their total, from any goroutine.
	Progress func(read, total int64)
	// Enter is called as each step begins: registry.ProofChecking and those behind it.
	Enter func(step string)
}

// ProofCheck is a query whose answer says whether the data makes sense.
type ProofCheck struct {
	Name   string `json:"name"`
	Query  string `json:"query"`
	Expect string `json:"expect"` // its first value as text; "true" also takes PostgreSQL's "t", and "none" expects no row, or a null
}

// ProofRule is what the proofs of a source ask and how long each may take.
type ProofRule struct {
	Checks  []ProofCheck
	Timeout time.Duration // 0: nothing is said
}

// byRule returns the options with what the source of the backup says where they are silent.
func (o ProveOptions) byRule(r ProofRule) ProveOptions {
	o.Timeout = cmp.Or(o.Timeout, r.Timeout, o.Usual)
	if o.Checks == nil {
		o.Checks = r.Checks
	}
	return o
}

// Proved is what a proof found.
type Proved struct {
	Backup     Backup                `json:"backup"`
	Proof      registry.Verification `json:"proof"`
	Notes      []string              `json:"notes,omitempty"`
	DurationMS int64                 `json:"duration"` // milliseconds, all of it
}

// Err gives a ValidationError when the proof failed, else nil.
func (p Proved) Err() error {
	if p.Proof.OK {
		return nil
	}
	first := p.Proof.Problem()
	more := ""
	if n := len(p.Proof.Problems) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more)", n)
	}
	return fault.New(fault.Validation, fault.ProofFailed, "The backup was left alone and its record is marked. Prove another one, and make a new backup now.",
		"backup %s did not come back as it was made: %s%s", p.Backup.ID, first.Detail, more)
}

// Bounds of what a record says of a proof.
const (
	maxProofProblems = 20
	maxProofWithout  = 20
	maxProofText     = 300 // bytes of each
)

// Prove restores a backup into a server of its own and compares what came out with what was counted when the backup was made:
// every table's rows by number and hash, sequences, large objects and definitions. It asks the checks, and records the outcome. The
// server is gone afterwards. The error is for a proof that could not be made; a backup that is not what it was is a Proved
// that is not OK, which removes nothing. An SQL script is restored and its rows are compared, which is never called a proof: a script's definitions
// are not looked at, and nothing of it can be left out. While it lasts and afterwards the backup's record of proofs says how it stands with it.
func (s *Service) Prove(ctx context.Context, ref string, o ProveOptions) (Proved, error) {
	b, err := s.toProve(ctx, ref, o.AllowUnsigned)
	if err != nil {
		return Proved{}, err
	}
	if b.Format == FormatPlain { // which is restored, and not proven
		return s.prove(ctx, b, o)
	}
	asked, err := s.askProof(ctx, b.ID, o.By, true)
	if err != nil {
		s.Log.Warn("nobody else sees how far this proof is: its record was not written", "backup_id", b.ID, "error", err.Error())
		asked = &AskedProof{s: s, id: b.ID}
	}
	return asked.make(ctx, func() (Backup, error) { return b, nil }, o)
}

// toProve returns a backup that can be proven, as far as that can be told before.
func (s *Service) toProve(ctx context.Context, ref string, unsigned bool) (Backup, error) {
	b, err := s.good(ctx, ref, unsigned)
	if err == nil && b.Unprovable() == registry.UnprovableRows {
		err = provable(b)
	}
	if err == nil {
		err = s.readable(ctx, b)
	}
	return b, err
}

// prove makes a proof and records what it found.
func (s *Service) prove(ctx context.Context, b Backup, o ProveOptions) (Proved, error) {
	done, err := s.measure(ctx, b, o)
	if err != nil {
		return done, err
	}
	err = s.recordProof(ctx, &done, o.By)
	return done, err
}

// measure makes a proof and records nothing.
func (s *Service) measure(ctx context.Context, b Backup, o ProveOptions) (Proved, error) {
	rules, err := s.rules(ctx)
	if err != nil {
		return Proved{Backup: b}, err
	}
	rule, _ := source.RuleOf(rules.Proofs, b.SourceName())
	o = o.byRule(rule)
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.Timeout, fault.New(fault.Validation, fault.Timeout, "Allow more time: proofTimeout of its source in cofre.yaml, or BACKUP_PROOF_TIMEOUT_MINUTES of the server that makes it (--timeout on the command line).", "the proof took longer than %s", o.Timeout))
		defer cancel()
	}
	start := s.Now()
	o.On = cmp.Or(o.On, s.ProofTarget)
	p := &proof{s: s, b: b, o: o, record: registry.Proof{}}
	if err := p.make(ctx); err != nil {
		return Proved{Backup: b}, proofStopped(ctx, err)
	}
	return Proved{Backup: b, Proof: p.verification(s.Now()), Notes: p.notes, DurationMS: s.Now().Sub(start).Milliseconds()}, nil
}

// recordProof records what a proof found that by wanted.
func (s *Service) recordProof(ctx context.Context, done *Proved, by string) error {
	b, v := done.Backup, done.Proof
	nb, err := s.Registry.SetVerification(ctx, b.ID, v, 0)
	if err != nil {
		return fmt.Errorf("record the outcome: %w", err)
	}
	done.Backup = nb
	s.look()
	if v.OK {
		if v.Level != registry.LevelRestored {
			s.tell(event.Event{Kind: event.ProofEnded, Source: b.SourceName(), Resource: b.ID, By: by, Duration: done.DurationMS})
		}
		what := "backup proven"
		if v.Level == registry.LevelRestored {
			what = "script restored"
		}
		s.Log.Info(what, "backup_id", b.ID, "level", v.Level, "rows", v.Proof.Rows, "restore_ms", v.Proof.Restore, "duration_ms", done.DurationMS)
	} else {
		s.Log.Error("backup did not come back as it was made", "backup_id", b.ID, "problem", v.Problem().Detail, "problems", len(v.Problems))
	}
	return nil
}

// Provable returns a backup that can be proven on this machine; the error says why it cannot.
func (s *Service) Provable(ctx context.Context, ref string) (Backup, error) {
	b, err := s.toProve(ctx, ref, false)
	if err == nil {
		err = provable(b)
	}
	if err == nil && s.Engine == nil {
		err = fault.New(fault.Validation, fault.TargetLacks, "Prove it where a database is configured.", "no proofs can be made here")
	}
	return b, err
}

// provable refuses what can never be proven.
func provable(b Backup) error {
	switch b.Unprovable() {
	case registry.UnprovableScript:
		return invalid("Have it restored and its rows compared on the command line (cofre prove "+b.ID+"), or make backups in the custom format.",
			"backup %s is an SQL script, of which nothing can be left out and no definitions are compared: it cannot be proven", b.ID)
	case registry.UnprovableRows:
		return invalid("Prove a backup that holds definitions and rows.", "backup %s holds rows without the tables that they belong to", b.ID)
	}
	return nil
}

// proof is one proof under way.
type proof struct {
	s        *Service
	b        Backup
	o        ProveOptions
	record   registry.Proof
	problems []registry.Problem
	notes    []string
	proven   *storage.Object // where signatures count
	// without are the entries that were left out, and counted are tables whose rows could only be counted: a column that a parent got later stands at another place after a restore, in the definition too.
	without, counted map[entryKey]bool
	leftOut          []LeftOut
	sample           *sample // nil: everything was restored
}

func (p *proof) enter(step string) {
	if p.o.Enter != nil {
		p.o.Enter(step)
	}
}

func (p *proof) problem(r fault.Reason, format string, args ...any) {
	if len(p.problems) < maxProofProblems {
		p.problems = append(p.problems, registry.Problem{Reason: r, Detail: fault.Shorten(fmt.Sprintf(format, args...), maxProofText)})
	}
}

// lack notes that something was not compared.
func (p *proof) lack(format string, args ...any) {
	if p.record.LeftOut++; len(p.record.Without) < maxProofWithout {
		p.record.Without = append(p.record.Without, fault.Shorten(fmt.Sprintf(format, args...), maxProofText))
	}
}

func (p *proof) verification(now time.Time) registry.Verification {
	v := registry.Verification{OK: len(p.problems) == 0, Level: registry.LevelProven, At: now.UTC().Truncate(time.Millisecond), Problems: p.problems, Proof: &p.record}
	switch {
	case p.b.Format == FormatPlain:
		v.Level = registry.LevelRestored
	case p.record.LeftOut > 0:
		v.Level = registry.LevelProvenInPart
	}
	return v
}

func (p *proof) make(ctx context.Context) (err error) {
	p.enter(registry.ProofChecking)
	major, _ := strconv.Atoi(contents.Major(p.b.DatabaseVersion))
	if p.b.Format == FormatPlain {
		if p.o.On != "" {
			return invalid("Leave --on out and BACKUP_PROOF_TARGET unset: then it is restored in a server of its own.", "backup %s is an SQL script, whose roles a server of its own can be given alone", p.b.ID)
		}
		p.lack("a proof: an SQL script is restored and its rows are compared, and what it defines is not")
	}
	if p.o.On != "" { // before the backup is read
		if _, err := p.s.Engine.ProofServer(ctx, p.o.On, major); err != nil {
			return err
		}
	}
	if p.proven, err = p.s.proveFirst(ctx, p.b); err != nil {
		return err
	}
	want, err := p.expected(ctx)
	if err != nil {
		return err
	}
	p.enter(registry.ProofStarting)
	o := ScratchOptions{On: p.o.On, Major: major}
	if o.Room, err = p.takeSample(want, room(p.b, want)); err != nil {
		return err
	}
	if p.b.Locale != nil {
		o.Locale = *p.b.Locale
	}
	scratch, err := p.s.Engine.Scratch(ctx, o)
	if err != nil {
		return err
	}
	defer func() {
		if err := scratch.Close(); err != nil {
			p.s.Log.Warn("what the proof made was not removed", "error", err.Error())
		}
	}()
	p.record.Server, p.record.Target, p.record.Isolated = scratch.Version(), p.o.On, scratch.Isolated()
	if p.o.On != "" {
		if want, err = p.ownerless(ctx, want); err != nil {
			return err
		}
	}
	return p.within(ctx, scratch, want, func(ctx context.Context) error { return p.work(ctx, scratch, want) })
}

// work restores, compares and asks.
func (p *proof) work(ctx context.Context, scratch Scratch, want *contents.Contents) error {
	if done, err := p.restore(ctx, scratch); done || err != nil {
		return err
	}
	p.enter(registry.ProofComparing)
	got, err := p.found(ctx, scratch)
	if err != nil {
		return err
	}
	p.compare(want, got)
	return p.ask(ctx, scratch)
}

// room is what a restored backup takes on disk, about: rows, and their indexes.
func room(b Backup, c *contents.Contents) int64 {
	if c == nil {
		return max(3*b.UncompressedSize/2, 2*b.Size)
	}
	return max(2*c.Totals().Bytes, 3*b.UncompressedSize/2, 2*b.Size)
}

// expected is what the backup holds: as it was counted when it was made, and else as it is counted now, in the backup itself. It is nil of a script
// that pg_dump did not write.
func (p *proof) expected(ctx context.Context) (*contents.Contents, error) {
	c, err := p.s.readContents(ctx, p.b)
	switch {
	case err == nil:
		return c, nil
	case fault.HasReason(err, fault.ContentsMissing), fault.HasReason(err, fault.IdentityMissing):
	default:
		return nil, err
	}
	p.enter(registry.ProofCounting)
	p.record.Computed = true
	in, err := p.s.restoreInput(ctx, p.b, p.proven, false, p.o.Progress).Open(ctx)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	_, c, err = checkAndCount(ctx, in, p.s.Now)
	if err != nil {
		return nil, err
	}
	if c == nil && p.b.Format == FormatPlain {
		return nil, nil
	}
	if c == nil {
		return nil, fault.New(fault.Validation, fault.ContentsMissing, "Validate the backup: cofre validate "+p.b.ID, "nothing could be counted in backup %s", p.b.ID)
	}
	c.Header.Server, c.Header.PgDump = p.b.DatabaseVersion, p.b.PgDumpVersion
	if p.b.Locale != nil {
		c.Encoding = p.b.Locale.Encoding
	}
	return c, nil
}

// restore restores. done tells that the proof has ended with what was found wrong.
func (p *proof) restore(ctx context.Context, scratch Scratch) (done bool, err error) {
	p.enter(registry.ProofRestoring)
	start := p.s.Now()
	o := RestoreOptions{Format: p.b.Format, Jobs: p.o.Jobs, Log: p.o.Log, Remark: p.o.Remark}
	if p.sample != nil {
		o.Rows = p.sample.takes
	}
	rep, notes, err := scratch.Restore(ctx, o, p.s.restoreInput(ctx, p.b, p.proven, false, p.o.Progress))
	p.record.Restore, p.record.Tool = p.s.Now().Sub(start).Milliseconds(), rep.Tool
	p.notes = append(p.notes, notes...)
	p.without, p.counted = map[entryKey]bool{}, map[entryKey]bool{}
	p.leftOut = rep.LeftOut
	for _, l := range rep.LeftOut {
		p.without[l.key()] = true
	}
	switch {
	case err == nil:
	case ctx.Err() != nil: // whatever else was said came of that
		return false, err
	case fault.HasReason(err, fault.RestoredInPart):
		for _, f := range rep.Failed {
			if p.sample != nil && !strings.HasPrefix(f.Entry, "TABLE DATA ") { // what looks at rows may miss some
				p.lack("%s, which could not be made beside a sample: %s", f.Entry, f.Reason)
				continue
			}
			p.problem(fault.RestoredInPart, "%s could not be restored: %s", f.Entry, f.Reason)
		}
		if len(rep.Failed) == 0 {
			p.problem(fault.RestoredInPart, "%s", fault.From(err).Message)
		}
	case damaged(err):
		p.problem(fault.From(err).Reason, "%s", fault.From(err).Message)
		return true, nil
	default:
		return false, err
	}
	return false, nil
}

// damaged tells whether an error of reading says that the backup itself is not what was stored.
func damaged(err error) bool {
	for _, r := range []fault.Reason{fault.ChecksumMismatch, fault.StructureDamaged, fault.SizeMismatch} {
		if fault.HasReason(err, r) {
			return true
		}
	}
	return false
}

// found counts what was restored.
func (p *proof) found(ctx context.Context, scratch Scratch) (*contents.Contents, error) {
	session, err := scratch.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	return p.s.countLive(ctx, session, DumpOptions{ID: p.b.ID, Format: p.b.Format, Content: ContentAll, Rows: cmp.Or(p.b.Rows, RowsText), Ownerless: p.o.On != ""}, io.Discard)
}

// compare holds what came out of the backup against what was in it.
func (p *proof) compare(want, got *contents.Contents) {
	if want == nil {
		p.lack("the rows, which could not be counted in the script")
		p.record.Computed, want = false, got
	}
	if p.sample != nil {
		want, got = p.sample.of(want), p.sample.of(got)
	}
	t := want.Totals()
	p.record.Tables, p.record.Rows, p.record.Sequences, p.record.Definitions = t.Tables, t.Rows, len(want.Sequences), len(want.Definitions)
	if want.LargeObjects != nil {
		p.record.LargeObjects = want.LargeObjects.Count
	}
	d := contents.Compare(want, got)
	p.lacks(want, d)
	for i := range d.Tables {
		t := &d.Tables[i]
		switch {
		case p.without[entryKey{"TABLE", t.Schema, t.Name}], p.without[entryKey{"FOREIGN TABLE", t.Schema, t.Name}]: // it was named
		case t.Change == contents.Unknown:
			p.counted[entryKey{"TABLE", t.Schema, t.Name}] = true
			p.lack("the rows of %s: they can only be counted, %s", t.Label(), beforeAfter(contents.TableDiff{Before: t.Before, After: t.After}))
		case t.Change == contents.Came:
			p.problem(fault.ContentsMismatch, "table %s is not in the backup", t.Label())
		case t.Change == contents.Went:
			p.problem(fault.ContentsMismatch, "table %s, with %s in the backup, is not there", t.Label(), rowsOf(t.Before))
		case t.Change == contents.Changed:
			p.problem(fault.ContentsMismatch, "table %s has as many rows as in the backup (%d), but other ones", t.Label(), t.Before.Rows)
		default:
			p.problem(fault.ContentsMismatch, "table %s has %s, and %s in the backup", t.Label(), rowsOf(t.After), rowsOf(t.Before))
		}
	}
	for _, q := range d.Sequences {
		if p.without[entryKey{"SEQUENCE", q.Schema, q.Name}] {
			continue
		}
		p.problem(fault.ContentsMismatch, "sequence %s stands at %s, and at %s in the backup", contents.Qualified(q.Schema, q.Name), standsAt(q.After), standsAt(q.Before))
	}
	if l := d.LargeObjects; l != nil {
		p.problem(fault.ContentsMismatch, "there are %d large objects of %d bytes, and %d of %d bytes in the backup, or their content differs", l.After.Rows, l.After.Bytes, l.Before.Rows, l.Before.Bytes)
	}
	if !d.DefinitionsCompared() {
		p.record.Definitions = 0
	}
	for _, n := range d.Notes {
		p.lack("%s", n)
	}
	p.definitions(d.Definitions)
}

// definitions takes those that differ. Who may do what in a schema is otherwise for the time of the restore: everybody may create.
func (p *proof) definitions(list []contents.DefinitionDiff) {
	for _, d := range list {
		key := entryKey{d.Kind, d.Schema, d.Name}
		if p.without[key] || p.sample != nil && p.sample.without(d) || d.Kind == "ACL" && (strings.HasPrefix(d.Name, "SCHEMA ") || strings.HasPrefix(d.Name, "DATABASE ")) {
			continue
		}
		if d.Kind == "TABLE" && d.Change == contents.Changed && p.counted[key] {
			continue
		}
		what := "differs from the backup's"
		switch d.Change {
		case contents.Went:
			what = "is not there"
		case contents.Came:
			what = "is not in the backup"
		}
		p.problem(fault.ContentsMismatch, "the definition of %s %s", key, what)
	}
}

// lacks notes what was left out and is not there all the same: extensions are made with what is said of them, for example.
func (p *proof) lacks(want *contents.Contents, d *contents.Diff) {
	compared := map[entryKey]bool{}
	if d.DefinitionsCompared() {
		for _, x := range want.Definitions {
			compared[entryKey{x.Kind, x.Schema, x.Name}] = true
		}
	}
	for _, x := range d.Definitions {
		delete(compared, entryKey{x.Kind, x.Schema, x.Name})
	}
	for _, l := range p.leftOut {
		if !compared[l.key()] {
			p.lack("%s: %s", l.Entry, l.Reason)
		}
	}
}

// entryKey is what tells an entry of an archive's table of contents from others.
type entryKey struct{ kind, schema, name string }

func (l LeftOut) key() entryKey { return entryKey{l.Kind, l.Schema, l.Name} }

// String names an entry as reports of restores do.
func (k entryKey) String() string {
	e := archive.Entry{Desc: k.kind, Namespace: k.schema, Tag: k.name}
	return e.String()
}

func rowsOf(c *contents.Counts) string {
	if c == nil {
		return "no rows"
	}
	return quantity.Plural(int(c.Rows), "row")
}

func standsAt(v *int64) string {
	if v == nil {
		return "nothing"
	}
	return strconv.FormatInt(*v, 10)
}

// ask asks the user's own checks.
func (p *proof) ask(ctx context.Context, scratch Scratch) error {
	var all []registry.CheckResult
	for _, c := range p.o.Checks {
		res := registry.CheckResult{Name: c.Name, Expect: c.Expect, Outcome: registry.CheckNotAsked}
		if p.sample == nil {
			value, found, err := scratch.Ask(ctx, c.Query)
			if err != nil && ctx.Err() != nil {
				return err
			}
			if found {
				res.Value = &value
			}
			p.answered(c, &res, err)
		}
		all = append(all, res)
	}
	if p.sample != nil && len(all) > 0 {
		p.lack("%s of your own: they were not asked, since they may need all rows", quantity.Plural(len(all), "check"))
	}
	p.record.Asked, p.record.AskedCount = registry.KeepAsked(all), len(all)
	return nil
}

// answered judges the answer to a check.
func (p *proof) answered(c ProofCheck, res *registry.CheckResult, err error) {
	switch {
	case err != nil:
		res.Outcome = registry.CheckUnanswered
		p.lack("the check %q, which the server could not answer: %s", c.Name, fault.From(err).Message) // says nothing about the backup
	case res.Value == nil && c.Expect != "none":
		res.Outcome = registry.CheckFailed
		p.problem(fault.ContentsMismatch, "the check %q gave no value, and not %q", c.Name, c.Expect)
	case res.Value != nil && *res.Value != c.Expect && !(truth[*res.Value] != "" && truth[*res.Value] == truth[c.Expect]):
		res.Outcome = registry.CheckFailed
		p.problem(fault.ContentsMismatch, "the check %q gave %q, and not %q", c.Name, fault.Shorten(*res.Value, 100), c.Expect)
	default:
		res.Outcome = registry.CheckPassed
		p.record.Checks++
	}
}

// truth is what PostgreSQL and people call true and false.
var truth = map[string]string{"t": "true", "true": "true", "f": "false", "false": "false"}
