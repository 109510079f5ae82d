package pgdump

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
	"cofre/pkg/postgres"
)

// Failed is an entry of an archive that could not be restored while the others were.
type Failed struct {
	Entry  string `json:"entry"`  // "INDEX app.orders_total"
	Reason string `json:"reason"` // what the server said
	// Statement is what is left to be executed, once its cause is put right.
	Statement string `json:"statement"`

	id int32 // dump id; 0 when the entry is not known
	// refused is the dump id where the entry's own definition was refused, so that nothing of it was done; 0 otherwise.
	refused int32
}

// failedEntry is what pg_restore wrote about an error that it went on after.
type failedEntry struct {
	id      int32  // of the entry that it had begun with last; with several jobs perhaps another's
	reason  string // the first line of the server's message
	command string // the first lines of what was executed; "" for data
}

// failures reads the messages of pg_restore --verbose (pg_backup_archiver.c warn_or_exit_horribly). Each part of a message is written at
// once, but with several jobs those of two messages may mix.
type failures struct {
	mu      sync.Mutex
	current int32
	found   []failedEntry
	ignored int  // what it counted itself when it had tried everything; 0 before
	more    bool // the next line may be the second of a command
}

// maxFailures bounds what is kept: the texts are the server's, in notices too.
const maxFailures = 10_000

var (
	fromEntry     = lazyregexp.New(`from TOC entry (\d+);`)
	entryError    = lazyregexp.New(`^(?:pg_restore: |error: )*(?:could not execute query: |COPY failed for table ".*?": )(.*)$`)
	errorsIgnored = lazyregexp.New(`errors ignored on restore: (\d+)$`)
)

func (f *failures) line(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	second := f.more
	f.more = false
	switch {
	case second && strings.HasPrefix(s, "    "): // ADD CONSTRAINT: the first is the same for all of a table
		f.found[len(f.found)-1].command += "\n" + strings.TrimSpace(s)
	case s == knownCommand:
		if n := len(f.found); n > 0 && f.found[n-1].command == "" {
			f.found = f.found[:n-1]
		}
	case strings.HasPrefix(s, "Command was: "):
		if n := len(f.found); n > 0 && f.found[n-1].command == "" {
			f.found[n-1].command = strings.TrimSpace(strings.TrimPrefix(s, "Command was: "))
			f.more = true
		}
	case entryError().MatchString(s) && len(f.found) < maxFailures:
		_, reason, ok := strings.Cut(entryError().FindStringSubmatch(s)[1], ":  ") // the severity, in the server's language
		if !ok {
			reason = entryError().FindStringSubmatch(s)[1]
		}
		f.found = append(f.found, failedEntry{id: f.current, reason: strings.TrimSpace(reason)})
	case !strings.HasPrefix(s, "pg_restore: "):
	case errorsIgnored().MatchString(s):
		f.ignored, _ = strconv.Atoi(errorsIgnored().FindStringSubmatch(s)[1])
	case fromEntry().MatchString(s):
		id, _ := strconv.ParseInt(fromEntry().FindStringSubmatch(s)[1], 10, 32)
		f.current = int32(id)
	}
}

// all returns the failures when pg_restore tried everything and its errors were understood. With several jobs it counts
// entries, not errors, and not those at the start of its sessions.
func (f *failures) all() ([]failedEntry, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.found, f.ignored > 0 && len(f.found) > 0
}

// endsAll reports whether an error concerns everything that follows, so that going on makes no sense.
func endsAll(f *fault.Error) bool {
	return f != nil && (f.Reason == fault.ConnectionLost || f.Reason == fault.LimitReached || f.Code == fault.DiskSpace || f.Code == fault.DatabaseConnection)
}

// describe finds the entries that failures belong to.
func describeFailed(h *archive.Head, found []failedEntry) []Failed {
	var out []Failed
	for _, f := range found {
		e := entryOf(h, f)
		if e == nil {
			out = append(out, Failed{Entry: "a statement", Reason: f.reason, Statement: f.command})
			continue
		}
		failed := Failed{Entry: e.String(), Reason: f.reason, Statement: strings.TrimSpace(e.Defn), id: e.DumpID}
		if defines(e, f.command) {
			failed.refused = e.DumpID
		}
		if e.HasData {
			failed.Statement = fmt.Sprintf("-- its rows: pg_restore --data-only --schema=%s --table=%s FILE", shellQuote(e.Namespace), shellQuote(e.Tag))
		}
		if !slices.Contains(out, failed) {
			out = append(out, failed)
		}
	}
	return out
}

// entryOf finds an entry by what was executed, among several by the id, which several jobs may confuse.
func entryOf(h *archive.Head, f failedEntry) *archive.Entry {
	var byID, byCommand *archive.Entry
	for i := range h.Entries {
		e := &h.Entries[i]
		same := defines(e, f.command)
		if e.DumpID == f.id {
			if byID = e; same || f.command == "" || e.HasData {
				return e
			}
		}
		if same && byCommand == nil {
			byCommand = e
		}
	}
	if byCommand != nil {
		return byCommand
	}
	return byID
}

// defines reports whether a command, of which the first lines are known, is an entry's definition.
func defines(e *archive.Entry, command string) bool {
	lines := strings.Split(strings.TrimSpace(e.Defn), "\n")
	n := strings.Count(command, "\n") + 1
	if command == "" || len(lines) < n || n == 1 && len(lines) > 1 && strings.HasPrefix(lines[1], "    ") {
		return false
	}
	for i := range n {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.Join(lines[:n], "\n") == command
}

// again tries the tables once more whose rows were refused: a check that reads another table may have come too early.
func (c Client) again(ctx context.Context, o RestoreOptions, a *archiveInput, p *plan, report *RestoreReport) error {
	failed := map[int32]bool{}
	for _, f := range report.Failed {
		failed[f.id] = true
	}
	data := func(e *archive.Entry) bool { return e.HasData && e.Desc == "TABLE DATA" && failed[e.DumpID] }
	if !slices.ContainsFunc(a.head.Entries, func(e archive.Entry) bool { return data(&e) }) {
		return nil
	}
	head := *a.head
	head.Length = a.size
	layout, err := archive.Select(&head, o.Ranges.Index, archive.Selection{Entry: func(e *archive.Entry) bool {
		return slices.Contains(settingEntries, e.Desc) || data(e)
	}})
	if err != nil {
		return err
	}
	report.Failed = slices.DeleteFunc(report.Failed, func(f Failed) bool {
		return slices.ContainsFunc(layout.Head.Entries, func(e archive.Entry) bool { return e.DumpID == f.id })
	})
	return c.loadLayout(ctx, o, layout, p, report)
}

// againAlone tries entries once more, in one session, that failed in one of several: those may have been in each other's way, as
// attaching indexes of nested partitions is, which ends in deadlocks. What fails now counts.
func (c Client) againAlone(report *RestoreReport, o RestoreOptions, from int, step func(keep func(*archive.Entry) bool) error) error {
	failed := map[int32]bool{}
	for _, f := range report.Failed[from:] {
		failed[f.refused] = true
	}
	delete(failed, 0)
	if len(failed) == 0 {
		return nil
	}
	kept := slices.DeleteFunc(slices.Clone(report.Failed[from:]), func(f Failed) bool { return failed[f.refused] })
	report.Failed = append(report.Failed[:from], kept...)
	behind := len(report.Failed)
	if err := step(func(e *archive.Entry) bool { return failed[e.DumpID] }); err != nil {
		return err
	}
	report.remark(&o, fmt.Sprintf("of %s that could not be made in several sessions at a time, %d could in one, after the others", count(len(failed), "object", "objects"),
		len(failed)-(len(report.Failed)-behind)))
	return nil
}

func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// unfinished is the fault of a restore in which some entries failed.
func unfinished(failed []Failed, t postgres.Target) error {
	var names []string
	for _, f := range failed {
		names = append(names, fmt.Sprintf("%s (%s)", f.Entry, f.Reason))
	}
	hint := "The rest is there. Put right what the messages name, then execute by hand the statements that are left: they are listed, and in the answer of --json."
	// By the kind of entry, not by its message: pg_restore passes the server's words on without their SQLSTATE, and in the server's
	// language where the restoring role may not set another.
	if slices.ContainsFunc(failed, func(f Failed) bool { return callsFunctions(f.Entry) }) {
		hint += " Where one says that something does not exist which does: a function that finds nothing without a search_path needs one of its own: ALTER FUNCTION ... SET search_path = ..."
	}
	return fault.New(fault.BackupCreation, fault.RestoredInPart, hint, "the restore into database %q was finished but for %s: %s",
		t.Database(), count(len(failed), "object", "objects"), listed(names))
}

// callsFunctions reports whether restoring an entry may call functions of the backup, in keys of indexes, generated columns, checks and
// queries; they run with an empty search_path then.
func callsFunctions(entry string) bool {
	for _, kind := range []string{"TABLE DATA ", "INDEX ", "MATERIALIZED VIEW DATA ", "CONSTRAINT ", "CHECK CONSTRAINT "} {
		if strings.HasPrefix(entry, kind) {
			return true
		}
	}
	return false
}
