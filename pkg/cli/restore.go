package cli

import (
	"cmp"
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/postgres"
)

const restoreLong = `Restores a backup straight from storage into the database that --to names, checking the file's SHA-256 on
the way. Nothing is changed until every check has passed. A database that is not empty is refused unless
--clean is given. --plan only checks: it shows what would be restored, and everything that would be refused.

--table, --schema and the like restore a part, also into a database that others work with: a table comes
with its rows, indexes, constraints, sequences, triggers, policies, comments and grants, all of it or
nothing, and only that part of the file is read. What it needs besides, such as types or tables of foreign
keys, must exist, or comes along with --with-dependencies. What exists already is refused, unless --clean
replaces it. Patterns are those of pg_dump, but a name without a schema means that table in any schema.

--as restores one table under another name, beside a damaged one that others use: its rows, columns, keys,
indexes, checks and grants. Foreign keys, triggers, rules and policies are left out and listed; a partitioned
table becomes one table.

--globals first creates roles, memberships, settings of roles and tablespaces that were kept with the backup
(cofre create --globals) and that the server lacks. Existing ones are not changed. They stay even if the
restore is then refused.

The password may be in the URL, in PGPASSWORD or in ~/.pgpass; on a machine with other users prefer the
latter two, since others can see a command's arguments.`

const restoreExamples = `  cofre restore latest --to postgresql://app@localhost/shop_new --create --plan   looks, and touches nothing
  cofre restore 01JH5W0R8ZB3M7K2Q4X9T6V1NA --to postgresql://app@localhost/shop_new --create
  cofre restore 01JH5W0R8ZB3M7K2Q4X9T6V1NA --to "$DATABASE_URL" --clean       replaces what is there
  cofre restore 01JH5W0R8ZB3M7K2Q4X9T6V1NA --to postgresql://me@staging/shop --no-owner --no-privileges
  cofre restore latest --to "$DATABASE_URL" --table app.orders                a table that is gone
  cofre restore latest --to "$DATABASE_URL" --table app.orders --data-only    rows of one that is empty
  cofre restore latest --to "$DATABASE_URL" --table app.orders --as app.orders_rescued
  cofre restore latest --list --schema app > list                             take lines out of it, then
  cofre restore latest --to "$DATABASE_URL" --use-list list`

func (p *program) restoreCommand() *cobra.Command {
	var req backup.RestoreRequest
	var o partOptions
	c := &cobra.Command{
		Use: "restore ID --to URL [options]", Short: "Restore a backup into a database", Long: restoreLong, Example: restoreExamples,
		Args: arguments(1, 1, "a backup's id"), ValidArgsFunction: p.completeIDs(storedBackup, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("jobs") && req.Jobs < 1 {
				return usage("Use 1 or more, or leave it out.", "a restore cannot run %d jobs", req.Jobs)
			}
			if cmd.Flags().Changed("transaction-size") && req.TransactionSize < 1 {
				return usage("Use 1 or more, or leave it out.", "a transaction cannot have %d objects", req.TransactionSize)
			}
			if req.Timeout < 0 {
				return usage("Use a duration such as 90m.", "the timeout is negative")
			}
			if err := o.fill(&req.Part); err != nil {
				return err
			}
			if o.list {
				return p.restoreList(cmd, args[0], req)
			}
			if o.plan {
				return p.restorePlan(cmd.Context(), args[0], req)
			}
			return p.restore(cmd.Context(), args[0], req)
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&req.URL, "to", "", "connection `URL` of the database: postgresql://user@host:5432/name")
	f.BoolVar(&req.Create, "create", false, "create the database first, as the backup's was made")
	f.VarPF(&cleanFlag{&req}, "clean", "", "replace what is there: drop what the backup holds before restoring it; with =cascade, what depends on that too").NoOptDefVal = "true"
	f.BoolVar(&req.Globals, "globals", false, "first make the roles and tablespaces that were kept with the backup and that the server lacks")
	o.flags(c, &req.Part)
	f.BoolVar(&req.AllowUnsigned, "allow-unsigned", false, "take a backup without a signature although BACKUP_TRUSTED_KEYS is set")
	f.BoolVar(&req.AllowDamaged, "allow-damaged", false, "restore even if the backup was found damaged")
	f.BoolVar(&req.NoOwner, "no-owner", false, "make the restoring role the owner of everything")
	f.BoolVar(&req.NoPrivileges, "no-privileges", false, "do not restore grants")
	adaptationFlags(f, &req.Adaptation)
	f.BoolVar(&req.DisableTriggers, "disable-triggers", false, "load a backup of rows only without triggers and checks of foreign keys (superusers)")
	f.StringVar(&req.Superuser, "superuser", "", "with --disable-triggers: the `ROLE` that does it")
	f.BoolVar(&req.KeepGoing, "keep-going", false, "go on after objects that cannot be restored, list them at the end, and exit with 11")
	f.DurationVar(&req.Timeout, "timeout", 0, "end the restore after this `TIME`, such as 90m (default: no limit)")
	f.IntVar(&req.Jobs, "jobs", 0, "`N` loads and index builds at a time (default: what this machine has)")
	f.StringVar(&req.Locale.Encoding, "encoding", "", "with --create: another `NAME` of an encoding; what the bytes are of an SQL_ASCII backup")
	f.StringVar(&req.Locale.Provider, "locale-provider", "", "with --create: another `NAME`: libc, icu or builtin")
	f.StringVar(&req.Locale.Locale, "locale", "", "with --create: another `LOCALE` of libc or builtin")
	f.StringVar(&req.Locale.ICULocale, "icu-locale", "", "with --create: another `LOCALE` of icu")
	c.MarkFlagsMutuallyExclusive("create", "clean")
	c.MarkFlagsMutuallyExclusive("list", "globals")
	return c
}

func (p *program) restore(ctx context.Context, ref string, req backup.RestoreRequest) error {
	a, err := p.openWith(ctx, ref)
	if err != nil {
		return err
	}
	bar := p.bar("connecting")
	req.Progress = func(read, total int64) {
		st := term.State{Phase: "restoring", Done: read, Total: total}
		if read >= total { // what remains cannot be counted: indexes, constraints
			st = term.State{Phase: "finishing", Note: "indexes and constraints"}
		}
		bar.Set(st)
	}
	req.Log = func(line string) { p.log.Debug("pg_restore", slog.String("line", line)) }
	req.Remark = func(line string) { p.note("%s %s", p.screen.Yellow("warning:"), term.Clean(line)) }
	done, err := a.Service.Restore(ctx, ref, req)
	bar.Close()
	if !p.json {
		p.madeGlobals(done.Globals)
	}
	p.acted(ctx, a, "restore", cmp.Or(done.Backup.ID, ref), err, p.targetOf(req.URL))
	if err != nil {
		return p.inPart(done, err)
	}
	done.Backup = located(a, done.Backup)
	return p.print(done, func() error {
		where := done.Target.Database
		if done.Target.Host != "" {
			where += " at " + done.Target.Host
		}
		if len(done.Target.Statements) > 0 {
			p.note("Of the backup's database, these were not executed; run those that you want:")
		}
		for _, sql := range done.Target.Statements {
			p.note("  %s", term.Clean(sql))
		}
		return p.restored(done, where)
	})
}

// targetOf names the database that a restore was for, without what is secret.
func (p *program) targetOf(url string) map[string]string {
	t, err := postgres.ParseTarget(url, p.getenv)
	if err != nil {
		return nil
	}
	return map[string]string{"target": t.Redacted()}
}
