package pgdump

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// input is a dump whose beginning was read.
type input struct {
	archive *archiveInput // nil for a script
	script  io.Reader     // all of it; nil for an archive
	origin  origin
}

func openInput(ctx context.Context, f Format, r io.Reader) (*input, error) {
	if f == Plain {
		start, all := peek(r, scriptStart)
		return &input{script: all, origin: originOfScript(start)}, nil
	}
	a, err := openArchive(ctx, r)
	if err != nil {
		return nil, err
	}
	return &input{archive: a, origin: originOf(a.head)}, nil
}

// plan joins what one look at the target found with what the dump needs of it. It is made, and checked, before anything is
// touched.
type plan struct {
	options RestoreOptions
	to      postgres.Destination
	input   *input
	locale  postgres.Locale // of the database to create
	rows    bool            // the archive holds rows only
	leaver  leaver          // of entries of an archive
	remarks []string        // worth knowing before the restore begins, and no reason to refuse it
	refused *[]error        // gets all reasons to refuse; nil where the first one ends the plan
}

// checks are what a plan has to pass, in the order in which it is best to hear of it. Each refuses, or adds remarks.
var checks = []func(*plan) error{
	(*plan).checkServer, (*plan).checkOthers, (*plan).checkPresence, (*plan).checkStatistics, (*plan).checkExtensions, (*plan).checkTablespaces, (*plan).checkRoles, (*plan).checkLocale, (*plan).checkBytes,
	(*plan).checkTransactionSize,
}

// refuse ends the making of a plan for a reason, if there is one, or takes it down where all of them are wanted and goes on.
func (p *plan) refuse(err error) error {
	if err == nil || p.refused == nil || !slices.Contains([]fault.Code{fault.Validation, fault.Permission}, fault.From(err).Code) {
		return err
	}
	*p.refused = append(*p.refused, err)
	return nil
}

// make looks at the target and checks that the dump can be restored there.
func (p *plan) make(ctx context.Context) (err error) {
	in := p.input
	if p.to, err = lookAt(ctx, &p.options, p.refused == nil); err != nil {
		return err
	}
	p.to.Roles = append(p.to.Roles, p.options.Roles...)
	if in.archive != nil {
		p.leaver.head = in.archive.head
		p.leaver.passOver(p.options.Schemas)
		p.omit()
		if err := p.choosePart(ctx); err != nil {
			return err
		}
		p.rows = rowsOnly(in.archive.head)
	}
	for _, check := range checks {
		if err := p.refuse(check(p)); err != nil {
			return err
		}
	}
	switch {
	case p.rows:
		if err := p.refuse(prepareLoad(ctx, in.archive.head, p.options)); err != nil {
			return err
		}
	case p.options.DisableTriggers || p.options.Superuser != "":
		return fault.New(fault.Validation, fault.InvalidInput, "Leave --disable-triggers out.", "triggers are disabled for backups that hold rows only: others create them behind the rows")
	}
	if p.options.Create {
		return nil // who may do what is asked when the database is there
	}
	return p.refuse(p.tryForbidden(ctx)) // of rows, owners of large objects
}

// entries are those of the archive that will be restored; none for a script, which is restored as it is.
func (p *plan) entries() []archive.Entry {
	if p.input.archive == nil {
		return nil
	}
	return p.input.archive.head.Entries
}

func (p *plan) remark(format string, args ...any) {
	p.remarks = append(p.remarks, fmt.Sprintf(format, args...))
}

// oneTransaction reports whether all is restored in one transaction: one that was not asked for must fit into the server's lock table.
func (p *plan) oneTransaction(o RestoreOptions) bool {
	if o.Transaction != AutoTransaction {
		return o.Transaction == One
	}
	return o.Part.As != nil || o.Jobs <= 1 && !o.KeepGoing && locks(p.input.archive.head) <= p.to.Locks/2
}

func (p *plan) knowsTransactionTimeout() bool { return p.to.Major >= transactionTimeoutSince }

// checkServer refuses a server that nothing can be written to.
func (p *plan) checkServer() error {
	if p.to.Standby {
		return fault.New(fault.Validation, fault.TargetLacks, "Use the address of the primary; with several hosts in the URL, target_session_attrs=read-write finds it.",
			"the server at %s is a standby: nothing can be written there", p.to.Target.Host())
	}
	return nil
}

// checkOthers refuses a database that another restore goes into.
func (p *plan) checkOthers() error {
	if p.to.Restoring == "" || p.to.Hold != nil {
		return nil
	}
	return postgres.Restoring(p.to.Name, p.to.Restoring)
}

// keepOut keeps other restores out of a database that was just created. Without a connection of its own that cannot be: the restore may
// still succeed.
func (p *plan) keepOut(ctx context.Context, report *RestoreReport) (err error) {
	if p.to.Hold, err = postgres.HoldDatabase(ctx, p.to.Target); err == nil || fault.HasReason(err, fault.Busy) || ctx.Err() != nil {
		return err
	}
	report.remark(&p.options, "other restores into this database are not kept out meanwhile: "+fault.From(err).Message)
	return nil
}

// letIn lets other restores into the database again.
func (p *plan) letIn() {
	if p.to.Hold != nil {
		p.to.Hold.Release()
	}
}

// checkPresence holds what is there against what was asked for.
func (p *plan) checkPresence() error {
	switch {
	case p.options.Create && p.to.Exists:
		return fault.New(fault.Validation, fault.AlreadyExists, "Choose another name. If it is empty, leave --create out.", "the database %q exists already", p.to.Name)
	case p.options.Create && !p.to.Creates && !p.rows: // rows have nothing to go to in a new database
		return postgres.MayNotCreate(nil, p.to.Role)
	case p.options.MustBeEmpty && !p.rows && !p.options.Part.Any() && p.to.Content != "":
		hint := "Restore into an empty one (--create)."
		if p.input.archive != nil {
			hint = "Restore into an empty one (--create), or replace its contents (--clean)."
		}
		return fault.New(fault.Validation, fault.NotEmpty, hint,
			"target database %q is not empty: %s", p.to.Name, p.to.Content)
	}
	return nil
}

// statisticsSince is the major version of the servers that take the planner's statistics from elsewhere.
const statisticsSince = 18

// checkStatistics leaves out the planner's statistics where the server takes none. Nothing is lost: ANALYZE makes them.
func (p *plan) checkStatistics() error {
	if p.input.archive == nil || p.to.Major >= statisticsSince {
		return nil
	}
	h := p.input.archive.head
	all := len(h.Entries)
	h.Entries = slices.DeleteFunc(h.Entries, func(e archive.Entry) bool { return e.Desc == "STATISTICS DATA" })
	if len(h.Entries) < all {
		p.remark("the planner's statistics are left out, which PostgreSQL %d takes from nobody: run ANALYZE", p.to.Major)
	}
	return nil
}

// checkExtensions refuses an archive whose extensions the server does not have.
func (p *plan) checkExtensions() error {
	var missing []string
	for _, e := range p.entries() {
		if e.Desc == "EXTENSION" && !slices.Contains(p.to.Extensions, e.Tag) {
			missing = append(missing, e.Tag)
		}
	}
	if len(missing) == 0 || p.options.Part.DataOnly {
		return nil
	}
	if p.options.SkipMissingExtensions {
		p.leaver.removeExtensions(missing)
		return nil
	}
	return fault.New(fault.Validation, fault.TargetLacks, "Install their packages there (postgresql-contrib or the extension's own) and try again.",
		"extensions not available on the target server: %s; nothing was changed", strings.Join(missing, ", "))
}

// checkTablespaces refuses an archive with objects in tablespaces that the server does not have: pg_restore would fail at the
// first of them.
func (p *plan) checkTablespaces() error {
	in := map[string][]string{}
	for _, e := range p.entries() {
		if e.Tablespace != "" && !slices.Contains(p.to.Tablespaces, e.Tablespace) {
			in[e.Tablespace] = append(in[e.Tablespace], e.String())
		}
	}
	if len(in) == 0 || p.options.Part.DataOnly {
		return nil
	}
	var missing []string
	for _, name := range slices.Sorted(maps.Keys(in)) {
		missing = append(missing, fmt.Sprintf("%q (%s)", name, listed(in[name])))
	}
	return fault.New(fault.Validation, fault.TargetLacks, "Create them on the target server first (CREATE TABLESPACE ... LOCATION ...), where they may lie on any disk.",
		"the target server does not have the tablespaces %s; nothing was changed", strings.Join(missing, ", "))
}

// perEntry are the locks that creating a kind of object takes until the transaction ends: a table has a TOAST table
// and that one's index.
var perEntry = map[string]int{"TABLE": 4, "MATERIALIZED VIEW": 5, "INDEX": 2, "CONSTRAINT": 2, "FK CONSTRAINT": 2, "SEQUENCE": 2, "TRIGGER": 2}

// locks estimates the locks that one transaction needs to restore everything.
func locks(h *archive.Head) int {
	n := 0
	for _, e := range h.Entries {
		switch each := perEntry[e.Desc]; {
		case e.Desc == "BLOB METADATA":
			n += 1 + strings.Count(e.Defn, "\n")
		case each > 0:
			n += each
		default:
			n++
		}
	}
	return n
}
