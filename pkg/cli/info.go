package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

const infoLong = `Shows everything known about a backup: what is in it, where it is stored, how it was verified, or why it
failed. ID is an ID as "cofre list" shows it, or a backup's file name or path.

--certificate writes a signed statement of what the backup's restore test showed, for people who do not run
cofre: JSON, its signature by BACKUP_SIGNING_KEY, which ssh-keygen checks, and a page to print.`

const infoExamples = `  cofre info 01JH5W0R8ZB3M7K2Q4X9T6V1NA
  cofre info backup_2025-01-09_14-30-00.dump
  cofre info 01JH5W0R8ZB3M7K2Q4X9T6V1NA --json | jq -r .checksum
  cofre info 01JH5W0R8ZB3M7K2Q4X9T6V1NA --log
  cofre info latest --certificate /srv/audit`

func (p *program) infoCommand() *cobra.Command {
	var dir string
	var log bool
	c := &cobra.Command{
		Use: "info ID [options]", Short: "Show a backup's details", Long: infoLong, Example: infoExamples,
		Args: arguments(1, 1, "a backup's id"), ValidArgsFunction: p.completeIDs(anyBackup, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.openWith(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			switch {
			case dir != "":
				return p.certificate(cmd.Context(), a, args[0], dir)
			case log:
				return p.runLog(cmd.Context(), a, args[0])
			}
			b, fate, err := a.Service.Look(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			last, err := a.Service.LastAttempt(cmd.Context(), b.ID)
			if err != nil {
				p.log.Warn("whether it is being proven is not known", "error", err.Error())
			}
			doc := infoDoc{located(a, b), attemptOf(last), nil}
			if b.Status == registry.Success {
				if doc.Copies, err = a.Service.Copies(cmd.Context(), &b); err != nil {
					p.log.Warn("whether there are copies is not known", "error", err.Error())
				}
			}
			return p.print(doc, func() error { return p.info(doc, fate) })
		},
	}
	c.Flags().BoolVar(&log, "log", false, "show only what was noted while it was made, pg_dump's last messages included")
	c.Flags().StringVar(&dir, "certificate", "", "write a signed certificate of the backup's proof into this `DIRECTORY`")
	c.MarkFlagsMutuallyExclusive("log", "certificate")
	return c
}

// logDoc is the document of info --log --json.
type logDoc struct {
	ID    string    `json:"id"`
	Lines []logLine `json:"lines"`
}

type logLine struct {
	At   time.Time `json:"at,omitzero"`
	Text string    `json:"text"`
}

// runLog shows the log of the run that made a backup.
func (p *program) runLog(ctx context.Context, a *app.App, ref string) error {
	b, lines, err := a.Service.RunLog(ctx, ref)
	if err != nil {
		return err
	}
	doc := logDoc{b.ID, []logLine{}}
	for _, l := range lines {
		doc.Lines = append(doc.Lines, logLine(l))
	}
	return p.print(doc, func() error {
		if len(lines) == 0 {
			p.note("No log is kept of backup %s.", b.ID)
		}
		for _, l := range lines {
			if !l.At.IsZero() {
				fmt.Fprint(p.stdout, term.Moment(l.At)+"  ")
			}
			fmt.Fprintln(p.stdout, term.Clean(l.Text))
		}
		return nil
	})
}

// infoDoc is the document of info --json.
type infoDoc struct {
	backup.Backup
	ProofAttempt *attemptDoc        `json:"proofAttempt,omitempty"`
	Copies       []backup.CopyState `json:"copies,omitempty"`
}

// attemptDoc is the last time that somebody wanted the backup proven, as in the API.
type attemptDoc struct {
	State       registry.ProofState `json:"state"`
	Step        string              `json:"step,omitempty"`
	BytesRead   int64               `json:"bytesRead,omitempty"`
	BytesTotal  int64               `json:"bytesTotal,omitempty"`
	RequestedBy string              `json:"requestedBy"`
	RequestedAt time.Time           `json:"requestedAt"`
	StartedAt   time.Time           `json:"startedAt,omitzero"`
	EndedAt     time.Time           `json:"endedAt,omitzero"`
	Error       *registry.Error     `json:"error,omitempty"`
}

func attemptOf(a *registry.ProofAttempt) *attemptDoc {
	if a == nil {
		return nil
	}
	return &attemptDoc{a.State, a.Step, a.Read, a.Total, a.By, a.AskedAt, a.StartedAt, a.EndedAt, a.Error}
}

// addAttempt says how it stands with a proof that goes on, and why the last one could not be made. What one found is among the verifications.
func addAttempt(t *term.Pairs, a *attemptDoc) {
	switch {
	case a == nil:
	case a.State == registry.ProofWaiting:
		t.Add("proof", "waits for its turn since "+term.Moment(a.RequestedAt)+", asked for by "+a.RequestedBy)
	case a.State == registry.ProofRunning:
		at := cmp.Or(a.Step, registry.ProofChecking)
		if a.BytesTotal > 0 {
			at += fmt.Sprintf(", %s of %s read", term.Bytes(a.BytesRead), term.Bytes(a.BytesTotal))
		}
		t.Add("proof", "being made since "+term.Moment(a.StartedAt)+" ("+at+"), asked for by "+a.RequestedBy)
	case a.State == registry.ProofFailed:
		t.Add("proof", "could not be made, "+term.Moment(a.EndedAt)+": "+term.OwnTimes(a.Error.Message)+"; asked for by "+a.RequestedBy)
		t.Add("what to do", a.Error.Hint)
	}
}

// addChecks says what became of the user's own checks in the last proof that asked any.
func addChecks(t *term.Pairs, b backup.Backup) {
	r := b.LastAsked()
	if r == nil {
		return
	}
	for _, c := range r.Asked {
		text := c.Name + ": " + strings.ReplaceAll(c.Outcome, "_", " ")
		switch {
		case c.Outcome == registry.CheckFailed && c.Value != nil:
			text += ", it gave " + strconv.Quote(*c.Value) + ", and not " + strconv.Quote(c.Expect)
		case c.Outcome == registry.CheckFailed:
			text += ", it gave no value, and not " + strconv.Quote(c.Expect)
		}
		t.Add("check", text)
	}
	if more := r.AskedCount - len(r.Asked); more > 0 {
		t.Add("check", "and "+strconv.Itoa(more)+" more, all passed")
	}
}

func (p *program) info(doc infoDoc, fate backup.Fate) error {
	b := doc.Backup
	s := statusWord(b, p.out)
	if err := p.printf("backup %s  %s\n", p.out.Bold(b.ID), s.Paint(s.Text)); err != nil {
		return err
	}
	if part := backup.DescribePart(b); part != "" {
		if err := p.printf("%s\n", p.out.Yellow("a PART of source "+term.Clean(b.SourceName())+": "+term.Clean(part))); err != nil {
			return err
		}
	}
	var t term.Pairs
	if e := b.Error; e != nil {
		t.Add("error", strings.TrimSpace(string(e.Code)+": "+term.OwnTimes(e.Message)+tried(e.Attempts)))
		t.Add("cause", e.Detail)
		t.Add("what to do", e.Hint)
	}
	t.Add("verified", verifiedLong(b))
	if b.Verification != nil {
		t.Add("  at", term.Moment(b.Verification.At))
	}
	for _, v := range b.Verifications {
		if v.Level != b.Verification.Level || v.OK != b.Verification.OK {
			t.Add("also", verifiedAs(v)+", "+term.Moment(v.At))
		}
	}
	addChecks(&t, b)
	addAttempt(&t, doc.ProofAttempt)
	if b.ObjectLock != nil {
		t.Add("locked", term.OwnTimes(b.ObjectLock.Describe()))
	}
	if b.Pin != nil {
		kept := b.Pin.Describe()
		if !b.Pin.Holds(time.Now()) {
			kept += " (expired)"
		}
		t.Add("kept", term.OwnTimes(kept))
	}
	for _, c := range doc.Copies {
		t.Add("copy", copyText(b.ID, c))
	}
	t.Add("source", sourceCell(b, term.Look{}).Text)
	t.Add("database", b.Database+at(b))
	if l := b.Locale; l != nil {
		t.Add("encoding", strings.Join(strings.Fields(l.Encoding+" "+l.Provider+" "+cmp.Or(l.Name, l.Collate)), ", "))
	}
	t.Add("file", b.Filepath)
	t.Add("size", sizeText(b))
	if fate.Shrunk {
		t.Add("warning", "half the size of the one before, or less: "+shrunkText(b, fate))
	}
	t.Add("sha-256", b.Checksum)
	t.Add("format", b.Format)
	t.Add("content", contentText(b))
	addContents(&t, b)
	t.Add("globals", globalsText(b))
	t.Add("created", term.Moment(b.CreatedAt)+by(b))
	if b.Duration > 0 {
		t.Add("took", durationText(b)+tried(b.Attempt))
	}
	t.Add("PostgreSQL", b.DatabaseVersion)
	t.Add("schema", b.SchemaVersion)
	t.Add("pg_dump", b.PgDumpVersion)
	t.Add("read", readText(b.Engine, b.EngineReason, b.Jobs)+waitedText(b))
	t.Add("rows", rowsText(b))
	for _, k := range slices.Sorted(maps.Keys(b.Labels)) {
		t.Add("label", k+"="+b.Labels[k])
	}
	return t.Write(p.stdout, p.out)
}

// addContents adds what the record says of what the backup contains, and of tables that lost rows.
func addContents(t *term.Pairs, b backup.Backup) {
	c := b.Contents
	switch {
	case c == nil:
		return
	case c.Missing != "":
		t.Add("contains", "not known: "+c.Missing)
		return
	case b.Encryption == "age" && !c.ServerKey:
		t.Add("contains", "encrypted, and not to BACKUP_SERVER_KEY: tables are not watched for lost rows")
	case b.Encryption == "age":
		t.Add("contains", "encrypted; see cofre contents "+b.ID)
	default:
		t.Add("contains", fmt.Sprintf("%s with %s", term.Plural(c.Tables, "table"), term.Plural(int(c.Rows), "row")))
	}
	for _, w := range c.Warnings {
		t.Add("warning", lostRows(w.Table, w.Before, w.After, w.Percent, w.Dropped))
	}
	if more := c.Lost - len(c.Warnings); more > 0 {
		t.Add("warning", fmt.Sprintf("%s lost rows; see cofre diff %s", term.Plural(more, "table"), b.ID))
	}
	if c.NotCompared != "" {
		t.Add("not compared", c.NotCompared)
	}
}

// readText says how rows are read, over jobs connections or, for a reason, by one pg_dump.
func readText(engine, reason string, jobs int) string {
	switch {
	case engine == backup.EngineParallel && jobs == 1:
		return "over 1 connection"
	case engine == backup.EngineParallel:
		return fmt.Sprintf("over %d connections at once", jobs)
	case engine == backup.EnginePgDump:
		return "by one pg_dump: " + reason
	}
	return ""
}

// waitedText says for how long the connections waited for storage, where that was long enough to count.
func waitedText(b backup.Backup) string {
	if b.WaitedPercent == 0 {
		return ""
	}
	return fmt.Sprintf(", which waited for storage %d %% of the time", b.WaitedPercent)
}

// rowsText says how rows were written, where that is not as always.
func rowsText(b backup.Backup) string {
	switch {
	case b.Rows == backup.RowsBinary:
		return "binary in " + term.Plural(b.BinaryTables, "table") + ", text in the others"
	case b.TextRows != "":
		return "text, although binary was asked for: " + b.TextRows
	}
	return ""
}

// at is where the database was.
func at(b backup.Backup) string {
	if b.Server == nil {
		return " (server unknown)"
	}
	text := " at " + source.Address(b.Server.Host, b.Server.Port)
	if id := b.Server.SystemIdentifier; id != "" {
		text += " (system identifier " + id + ")"
	}
	return text
}

func by(b backup.Backup) string {
	var s string
	if b.CreatedBy != "" {
		s = " by " + b.CreatedBy
	}
	if b.Trigger != "" && b.Trigger != "manual" {
		s += " (" + b.Trigger + ")"
	}
	return s
}

func tried(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (tried %d times)", n)
}

// copyText says how it stands with the copy of a backup in a second location.
func copyText(id string, c backup.CopyState) string {
	switch c.State {
	case backup.CopyThere:
		return c.Place + ", since " + term.Moment(c.At) + ", the same SHA-256"
	case backup.CopyRunning:
		return "being made in " + c.Place
	case backup.CopyWaiting:
		return "none yet in " + c.Place + ": cofre copy " + id
	case backup.CopyElsewhere:
		return "none in " + c.Place + ", where its source is not copied"
	case backup.CopyOther:
		return "none in " + c.Place + ", which has another backup under its id"
	}
	return "not known, " + c.Place + ": " + c.Error.Message
}
