package pgdump

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// Failed is an entry of an archive that could not be restored while the others were.
type Failed struct {
	Entry  string `json:"entry"`  // "INDEX app.orders_total"
	Reason string `json:"reason"` // what the server said
	// Statement is what is left to be executed, once its cause is put right.
	Statement string `json:"statement"`

	id int32 // dump id; 0 when the entry is not known
}

// failedEntry is what pg_restore wrote about an error that it went on after.
type failedEntry struct {
	id      int32  // of the entry that it had begun with last; with several jobs perhaps another's
	reason  string // the first line of the server's message
	command string // the first line of what was executed; "" for data
}

// failures reads the messages of pg_restore --verbose (pg_backup_archiver.c warn_or_exit_horribly). Each part of a message is written at
// once, but with several jobs those of two messages may mix.
type failures struct {
	mu      sync.Mutex
	current int32
	found   []failedEntry
	ignored int // what it counted itself when it had tried everything; 0 before
}

var (
	fromEntry     = regexp.MustCompile(`from TOC entry (\d+);`)
	entryError    = regexp.MustCompile(`^(?:pg_restore: |error: )*(?:could not execute query: |COPY failed for table ".*?": )(.*)$`)
	errorsIgnored = regexp.MustCompile(`errors ignored on restore: (\d+)$`)
)

func (f *failures) line(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case s == knownCommand:
		if n := len(f.found); n > 0 && f.found[n-1].command == "" {
			f.found = f.found[:n-1]
		}
	case strings.HasPrefix(s, "Command was: "):
		if n := len(f.found); n > 0 && f.found[n-1].command == "" {
			f.found[n-1].command = strings.TrimSpace(strings.TrimPrefix(s, "Command was: "))
		}
	case entryError.MatchString(s):
		_, reason, ok := strings.Cut(entryError.FindStringSubmatch(s)[1], ":  ") // the severity, in the server's language
		if !ok {
			reason = entryError.FindStringSubmatch(s)[1]
		}
		f.found = append(f.found, failedEntry{id: f.current, reason: strings.TrimSpace(reason)})
	case !strings.HasPrefix(s, "pg_restore: "):
	case errorsIgnored.MatchString(s):
		f.ignored, _ = strconv.Atoi(errorsIgnored.FindStringSubmatch(s)[1])
	case fromEntry.MatchString(s):
		id, _ := strconv.ParseInt(fromEntry.FindStringSubmatch(s)[1], 10, 32)
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
		failed := Failed{Entry: entryName(e), Reason: f.reason, Statement: strings.TrimSpace(e.Defn), id: e.DumpID}
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
		first, _, _ := strings.Cut(strings.TrimSpace(e.Defn), "\n")
		same := f.command != "" && first != "" && strings.TrimSpace(first) == f.command
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
	if slices.ContainsFunc(failed, func(f Failed) bool { return strings.Contains(f.Reason, "does not exist") }) {
		hint += " A function that finds nothing without a search_path needs one of its own: ALTER FUNCTION ... SET search_path = ..."
	}
	return fault.New(fault.BackupCreation, fault.RestoredInPart, hint, "the restore into database %q was finished but for %s: %s",
		t.Database(), count(len(failed), "object", "objects"), listed(names))
}
