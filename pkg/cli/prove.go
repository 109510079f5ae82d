package cli

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/registry"
)

const proveLong = `Tests restores: restores each backup into a PostgreSQL server of its own, and compares the result with what
was counted when the backup was created: the rows of every table by number and hash, sequences, large objects
and definitions. The outcome, and how long the restore took, are recorded.

The server is started from the programs installed on this machine (initdb and postgres, of the same major
version as the backup's server or newer; BACKUP_PROOF_SERVER names their directory), as an unprivileged user,
on a Unix socket only and, where the system allows it, without network access. It is in TMPDIR, and is
removed at the end. --on NAME restores into a separate database on the server of a target of cofre.yaml that
allows it, and drops that database afterwards: owners and privileges are not compared then, and the backup's
code runs where others work.

--all takes the newest good backup of each source that holds everything and is not an SQL script; a source
without one fails.

What only a superuser may restore, and extensions that this machine lacks, are left out and listed: such a
backup is proven in part. A failed test removes nothing.

An SQL script is restored as a whole, by an unprivileged role that may act as all roles named in the script,
and its rows are compared. That is recorded as a restore, never as a proof.`

const proveExamples = `  cofre prove latest
  cofre prove latest:shop latest:crm
  cofre prove --all                                                 the newest of each source
  cofre prove 01JH5W0R8ZB3M7K2Q4X9T6V1NA --checks checks.yaml       ask questions of your own, too
  cofre prove latest --json | jq '.results[].proof'`

// proved is one result of prove --json.
type proved struct {
	Ref string `json:"ref"` // the argument
	*backup.Proved
	Certificate []string        `json:"certificate,omitempty"` // the files that were written
	Error       *registry.Error `json:"error,omitempty"`
}

// proofs is the document of prove --json.
type proofs struct {
	Proved  bool            `json:"proven"` // all of them
	Results []proved        `json:"results"`
	Error   *registry.Error `json:"error,omitempty"` // the first
}

func (p *program) proveCommand() *cobra.Command {
	var o backup.ProveOptions
	var checks, certificates string
	var all bool
	c := &cobra.Command{
		Use: "prove ID... | --all [options]", Short: "Test restores: restore into a separate server and compare every row", Long: proveLong, Example: proveExamples,
		ValidArgsFunction: p.completeIDs(storedBackup, -1),
		Args: func(cmd *cobra.Command, args []string) error {
			if all {
				return arguments(0, 0, "")(cmd, args)
			}
			return arguments(1, -1, "a backup's id, or --all")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("jobs") && o.Jobs < 1 {
				return usage("Use 1 or more, or leave it out.", "a restore cannot run %d jobs", o.Jobs)
			}
			if o.Timeout < 0 {
				return usage("Use a duration such as 90m.", "the timeout is negative")
			}
			if checks != "" {
				var err error
				if o.Checks, err = app.ProofChecks(checks); err != nil {
					return err
				}
			}
			return p.prove(cmd.Context(), args, all, certificates, o)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVar(&all, "all", false, "the newest good backup of each source")
	f.StringVar(&o.On, "on", "", "use the server of the target `NAME` of cofre.yaml (default: BACKUP_PROOF_TARGET, or a server of its own)")
	f.StringVar(&checks, "checks", "", "a YAML `FILE` of queries to ask of what was restored (default: checks of its source in cofre.yaml)")
	f.StringVar(&certificates, "certificate", "", "write a signed certificate of each proof into this `DIRECTORY` (see cofre info)")
	f.BoolVar(&o.AllowUnsigned, "allow-unsigned", false, "take a backup without a signature although BACKUP_TRUSTED_KEYS is set")
	f.DurationVar(&o.Timeout, "timeout", 0, "give each proof up after this `TIME`, such as 90m (default: proofTimeout of its source, or no limit)")
	f.IntVar(&o.Jobs, "jobs", 0, "`N` loads and index builds at a time (default: what this machine has)")
	return c
}

func (p *program) prove(ctx context.Context, refs []string, all bool, certificates string, o backup.ProveOptions) error {
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	if certificates != "" {
		if err := certifies(a, certificates); err != nil {
			return err
		}
	}
	if all {
		if refs, err = a.Service.LatestProvable(ctx); err != nil {
			return err
		}
	}
	o.Log = func(line string) { p.log.Debug("pg_restore", slog.String("line", line)) }
	o.Remark = func(line string) { p.log.Debug("restore", slog.String("remark", line)) }
	o.By = actor()
	doc := proofs{Results: []proved{}}
	ends, whole := several{p: p, of: len(refs)}, true // no script among them
	for _, ref := range refs {
		bar := p.bar("connecting")
		o.Enter = func(phase string) { bar.Set(term.State{Phase: phase}) }
		o.Progress = func(read, total int64) { bar.Set(term.State{Phase: "restoring", Done: read, Total: total}) }
		done, err := a.Service.Prove(ctx, ref, o)
		bar.Close()
		res, failed := proved{Ref: ref}, err
		if err == nil {
			failed = done.Err()
			if certificates != "" && failed == nil {
				res.Certificate, failed = p.certifyProof(ctx, a, done, certificates)
			}
			done.Backup = located(a, done.Backup)
			res.Proved = &done
		}
		p.acted(ctx, a, "prove", cmp.Or(done.Backup.ID, ref), err, map[string]string{"proven": strconv.FormatBool(failed == nil && done.Proof.Level != registry.LevelRestored)})
		whole = whole && done.Proof.Level != registry.LevelRestored
		if ctx.Err() != nil && err != nil {
			return err
		}
		res.Error = recordOf(failed)
		doc.Results = append(doc.Results, res)
		if err == nil && !p.json {
			if err := p.provedWords(done); err != nil {
				return err
			}
			if err := p.certificateWords(res.Certificate); err != nil {
				return err
			}
		}
		ends.ended(failed)
	}
	doc.Proved, doc.Error = ends.first == nil && whole, recordOf(ends.first)
	return ends.end(doc)
}

// makeOrdered makes a proof that was ordered. Who ordered it records what came of it.
func (p *program) makeOrdered(ctx context.Context, id string) error {
	c, err := p.config(ctx)
	if err != nil {
		return err
	}
	ordered, err := app.OpenOrdered(ctx, c, app.Options{Log: p.log})
	if err != nil {
		return err
	}
	bar := p.bar("connecting")
	o := backup.ProveOptions{
		Log:      func(line string) { p.log.Debug("pg_restore", slog.String("line", line)) },
		Remark:   func(line string) { p.log.Debug("restore", slog.String("remark", line)) },
		Enter:    func(phase string) { bar.Set(term.State{Phase: phase}) },
		Progress: func(read, total int64) { bar.Set(term.State{Phase: "restoring", Done: read, Total: total}) },
	}
	done, err := ordered.Make(ctx, id, o)
	bar.Close()
	if err != nil {
		return err
	}
	failed := done.Err()
	if !p.json {
		if err := p.provedWords(done); err != nil {
			return err
		}
	}
	ends := several{p: p, of: 1}
	ends.ended(failed)
	return ends.end(proofs{Proved: failed == nil, Results: []proved{{Ref: id, Proved: &done, Error: recordOf(failed)}}, Error: recordOf(failed)})
}

// provedWords prints what a proof found.
func (p *program) provedWords(d backup.Proved) error {
	b, v := d.Backup, d.Proof
	name := term.Clean(b.ID + "  " + b.Filepath)
	switch {
	case !v.OK:
		if err := p.printf("%s %s\n", p.out.Red(p.out.Sign("✗", "NOT PROVEN:")), name); err != nil {
			return err
		}
		for _, pr := range v.Problems {
			if err := p.printf("  %s\n", term.Clean(pr.Detail)); err != nil {
				return err
			}
		}
	case v.Level == registry.LevelRestored:
		if err := p.printf("%s %s\n", p.out.Yellow(p.out.Sign("✓", "ok:")), name+"  restored, not proven"); err != nil {
			return err
		}
	case v.Level == registry.LevelProvenInPart:
		if err := p.printf("%s %s\n", p.out.Yellow(p.out.Sign("✓", "ok:")), name+"  proven in part"); err != nil {
			return err
		}
	default:
		if err := p.printf("%s %s\n", p.out.Green(p.out.Sign("✓", "ok:")), name+"  proven"); err != nil {
			return err
		}
	}
	if err := p.printf("  %s\n", strings.Join(compared(v.Proof), ", ")); err != nil {
		return err
	}
	for _, w := range v.Proof.Without {
		p.note("  without %s", term.Clean(w))
	}
	if more := v.Proof.LeftOut - len(v.Proof.Without); more > 0 {
		p.note("  and without %d more", more)
	}
	for _, n := range d.Notes {
		p.note("  note: %s", term.Clean(n))
	}
	return nil
}

// compared says what a proof looked at.
func compared(r *registry.Proof) []string {
	f := []string{term.Plural(r.Tables, "table") + " with " + term.Plural(int(r.Rows), "row")}
	if r.Sequences > 0 {
		f = append(f, term.Plural(r.Sequences, "sequence"))
	}
	if r.LargeObjects > 0 {
		f = append(f, term.Plural(int(r.LargeObjects), "large object"))
	}
	if r.Definitions > 0 {
		f = append(f, term.Plural(r.Definitions, "definition"))
	}
	if r.Checks > 0 {
		f = append(f, term.Plural(r.Checks, "check")+" of your own")
	}
	f[len(f)-1] += " compared"
	with := fmt.Sprintf("restored in %s into PostgreSQL %s", term.Duration(time.Duration(r.Restore)*time.Millisecond), r.Server)
	switch {
	case r.Target != "":
		with += " of the target " + term.Clean(r.Target) + ", which others use"
	case !r.Isolated:
		with += " (which this system could not part from the network)"
	}
	f = append(f, with)
	if r.Computed {
		f = append(f, "held against what was counted in the backup just now: nothing was when it was made")
	}
	return f
}
