package backup

import (
	"context"
	"slices"
	"strings"
	"time"

	"cofre/pkg/dbname"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// RestoreTarget is a server that may be restored to by its name. Only the engine knows where it is.
type RestoreTarget struct {
	Name  string
	Modes []string // registry.RestoreNew, registry.RestoreReplace, registry.RestorePart
	// Switch reports whether databases may be renamed there, so that a restored one takes another's place.
	Switch bool
}

// RestoreOrder asks for a restore as work of its own, into a database of a target.
type RestoreOrder struct {
	Backup   string // its id, or another way to name it
	Target   string
	Database string
	Mode     string // registry.RestoreNew, also where it is "", registry.RestoreReplace or registry.RestorePart
	// Confirm repeats the name of a database that is to be replaced.
	Confirm string
	// Part is needed with registry.RestorePart, and possible with registry.RestoreNew.
	Part         Part
	Globals      bool // first make the roles and tablespaces that were kept with the backup and that the server lacks
	NoOwner      bool
	NoPrivileges bool
	By           string
	// Look has the target asked first whether its role may restore at all, for whoever may connect to it.
	Look bool
	// IdempotencyKey names the order among those of By: the same one, sent again, gets the same restore. Backup is an id then.
	IdempotencyKey string
}

// request is what an order asks for, of Service.Restore and Service.Plan.
func (o RestoreOrder) request() RestoreRequest {
	return RestoreRequest{
		Target: o.Target, Database: o.Database, Create: o.Mode == registry.RestoreNew, Clean: o.Mode == registry.RestoreReplace,
		Part: o.Part, Globals: o.Globals, NoOwner: o.NoOwner, NoPrivileges: o.NoPrivileges,
	}
}

// record is an order as it stands in a record.
func (o RestoreOrder) record() registry.Restore {
	return registry.Restore{Backup: o.Backup, Target: o.Target, Database: o.Database, Mode: o.Mode, Part: o.Part.record(), Globals: o.Globals,
		NoOwner: o.NoOwner, NoPrivileges: o.NoPrivileges, By: o.By}
}

// orderOf is the order that a record is of. What it confirmed is not on record.
func orderOf(x registry.Restore) RestoreOrder {
	return RestoreOrder{Backup: x.Backup, Target: x.Target, Database: x.Database, Mode: x.Mode, Part: PartOf(x.Part), Globals: x.Globals,
		NoOwner: x.NoOwner, NoPrivileges: x.NoPrivileges, By: x.By, Confirm: x.Database}
}

// StartRestore refuses what can be refused without connecting, and by what Look asks for, and reserves a restore: RunRestore makes it. For an order that was given
// before, by its key, it returns the restore of that time, as it stands.
func (s *Service) StartRestore(ctx context.Context, o RestoreOrder) (registry.Restore, error) {
	if o.Mode == "" {
		o.Mode = registry.RestoreNew
	}
	if err := s.checkOrder(o); err != nil {
		return registry.Restore{}, err
	}
	if o.IdempotencyKey != "" {
		if x, made, err := s.Registry.RestoreAskedFor(ctx, o.record(), o.IdempotencyKey); err != nil || made {
			return x, err
		}
	}
	b, err := s.restorable(ctx, o.Backup, o.request())
	if err != nil {
		return registry.Restore{}, err
	}
	if err := s.restoringAlready(ctx, o, ""); err != nil {
		if o.IdempotencyKey != "" { // it may be the same one, asked for at the same moment
			if x, made, aerr := s.Registry.RestoreAskedFor(ctx, o.record(), o.IdempotencyKey); aerr == nil && made {
				return x, nil
			}
		}
		return registry.Restore{}, err
	}
	if err := s.mayRestore(ctx, o); err != nil {
		return registry.Restore{}, err
	}
	x := o.record()
	if x.ID, err = s.newID(); err != nil {
		return registry.Restore{}, err
	}
	x.Backup, x.CreatedAt, x.Total = b.ID, s.Now(), b.Size
	if o.IdempotencyKey != "" {
		x, err = s.Registry.ReserveRestoreOnce(ctx, x, o.IdempotencyKey, launchWithin)
	} else {
		x, err = s.Registry.ReserveRestore(ctx, x, launchWithin)
	}
	if err == nil {
		s.Log.Info("restore asked for", "restore_id", x.ID, "backup_id", b.ID, "target", x.Target, "database", x.Database, "mode", x.Mode)
	}
	return x, err
}

// lookTime bounds the question whether a target's role may restore.
const lookTime = 5 * time.Second

// mayRestore refuses an order that its target's role lacks the right for. Whatever else the question ends in, the run finds and records.
func (s *Service) mayRestore(ctx context.Context, o RestoreOrder) error {
	if !o.Look {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	req := o.request()
	err := s.Engine.MayRestore(ctx, RestoreOptions{Target: req.Target, Database: req.Database, Create: req.Create})
	if !fault.HasReason(err, fault.MissingPrivilege) {
		return nil
	}
	return err
}

// PlanRestore tells what the restore of an order would do, and all that it would be refused for, as Plan does. Nothing need be confirmed.
func (s *Service) PlanRestore(ctx context.Context, o RestoreOrder) (Plan, error) {
	if o.Mode == "" {
		o.Mode = registry.RestoreNew
	}
	o.Confirm = o.Database
	if err := s.checkOrder(o); err != nil {
		return Plan{}, err
	}
	going := s.restoringAlready(ctx, o, "")
	if going != nil && !fault.HasReason(going, fault.Busy) {
		return Plan{}, going
	}
	plan, err := s.Plan(ctx, o.Backup, o.request())
	if err == nil && going != nil {
		plan.refuse(going)
	}
	return plan, err
}

// lookBack is how many of the newest restores are looked at for one that goes on.
const lookBack = 100

// restoringAlready refuses a second restore into a database while one goes on. Of two that are asked for at the same moment, which may both
// pass, the target's server lets one begin. but is the id of one that does not count.
func (s *Service) restoringAlready(ctx context.Context, o RestoreOrder, but string) error {
	newest, _, err := s.Registry.Restores(ctx, "", lookBack)
	if err != nil {
		return err
	}
	for _, x := range newest {
		if x.Live() && x.ID != but && x.Target == o.Target && x.Database == o.Database {
			return fault.New(fault.Validation, fault.Busy, "Wait until it has ended, or cancel it.", "restore %s into the database %q of target %s goes on", x.ID, x.Database, x.Target)
		}
	}
	return nil
}

// restoreModes are all there are.
var restoreModes = []string{registry.RestoreNew, registry.RestoreReplace, registry.RestorePart}

// target is the one of this name.
func (s *Service) target(name string) (RestoreTarget, error) {
	i := slices.IndexFunc(s.Targets, func(t RestoreTarget) bool { return t.Name == name })
	if i < 0 {
		hint := "Name servers to restore to under targets in cofre.yaml."
		if len(s.Targets) > 0 {
			hint = "Known targets: " + joined(s.Targets, func(t RestoreTarget) string { return t.Name }) + "."
		}
		return RestoreTarget{}, invalid(hint, "there is no target of this name") // which may be a connection string, with its password
	}
	return s.Targets[i], nil
}

// checkOrder refuses an order by what it says.
func (s *Service) checkOrder(o RestoreOrder) error {
	t, err := s.target(o.Target)
	if err != nil {
		return err
	}
	if err := dbname.CheckRequested(o.Database); err != nil {
		return err
	}
	switch {
	case !slices.Contains(restoreModes, o.Mode):
		return invalid("Use new, replace or part.", "%.40q is not a way to restore", o.Mode)
	case !slices.Contains(t.Modes, o.Mode):
		return invalid("What may be done at a target is in cofre.yaml, under allow.", "the target %s does not allow the mode %s", t.Name, o.Mode)
	case o.Mode == registry.RestoreReplace && o.Confirm != o.Database:
		return invalid("Repeat the database's name in confirm.", "what the database %q holds would be replaced, and that was not confirmed", o.Database)
	}
	return s.checkOrderedPart(o)
}

// checkOrderedPart refuses what is no part, and what does not go with the mode.
func (s *Service) checkOrderedPart(o RestoreOrder) error {
	p := o.Part
	switch {
	case o.Mode == registry.RestorePart && !p.Any():
		return invalid("Choose tables or schemas, or restore everything into a new database.", "a part is to be restored, and it is not said which")
	case o.Mode == registry.RestoreReplace && (p.Any() || p.WithDependencies):
		return invalid("Use the mode part, which adds it to what is there, or new.", "a part cannot replace what is there on request")
	case o.Mode == registry.RestoreNew && p.As != "":
		return invalid("Use the mode part.", "a table gets another name beside what is there, not in a new database")
	case o.Mode == registry.RestoreNew && p.DataOnly:
		return invalid("Restore the definitions, too, or use the mode part with tables that are there.", "a new database has no tables that rows could go into")
	case p.As != "" && len(p.Tables) != 1:
		return invalid("Name the one table in tables.", "another name is for one table, and there are %d patterns", len(p.Tables))
	}
	sel := registry.Selection{Schemas: p.Schemas, Tables: p.Tables, ExcludeSchemas: p.ExcludeSchemas, ExcludeTables: p.ExcludeTables}
	if err := checkPatterns(&sel); err != nil {
		return err
	}
	if p.As != "" {
		if err := checkText("the table's other name", p.As, maxPattern); err != nil {
			return err
		}
	}
	return s.Engine.CheckPart(p)
}

func joined[T any](all []T, name func(T) string) string {
	names := make([]string, len(all))
	for i, x := range all {
		names[i] = source.Quote(name(x))
	}
	return strings.Join(names, ", ")
}

// RestoreStatus gives the record of a restore. One whose process died is interrupted.
func (s *Service) RestoreStatus(ctx context.Context, id string) (registry.Restore, error) {
	return s.Registry.Restore(ctx, id)
}

// ListRestores gives the newest restores, the newest first: at most limit, and only those older than the id before, where it is not "".
// more tells that there are others behind them.
func (s *Service) ListRestores(ctx context.Context, before string, limit int) (list []registry.Restore, more bool, err error) {
	if before != "" && !registry.ValidID(before) {
		return nil, false, invalid("Use the id of a restore.", "%.40q is not the id of a restore", before)
	}
	return s.Registry.Restores(ctx, before, limit)
}

// CancelRestore asks for the end of a restore, on behalf of by. It ends within seconds, as canceled. One that has ended is refused: busy.
func (s *Service) CancelRestore(ctx context.Context, id, by string) (registry.Restore, error) {
	x, err := s.Registry.CancelRestore(ctx, id, by, s.Now())
	if err == nil {
		s.Log.Info("restore canceled", "restore_id", id, "target", x.Target, "database", x.Database)
	}
	return x, err
}

// WithdrawRestore records that a restore failed because whoever was to begin it cannot. One that was begun elsewhere goes on: busy.
// One that has ended is already_exists.
func (s *Service) WithdrawRestore(ctx context.Context, id string, cause error) (registry.Restore, error) {
	f := *fault.From(cause)
	f.Reason = fault.NotStarted
	x, err := s.Registry.WithdrawRestore(ctx, id, s.Now(), &f)
	if err == nil {
		s.Log.Warn("restore abandoned before it was started", "restore_id", id, "error", cause.Error())
	}
	return x, err
}

// KeepRestore says that a reserved restore is still going to be begun, which whoever waits with it for a turn does every KeepRestoreEvery. One
// that was begun elsewhere is busy, one that has ended already_exists.
func (s *Service) KeepRestore(ctx context.Context, id string) error {
	return s.Registry.KeepRestore(ctx, id)
}

// KeepRestoreEvery leaves room for two that fail.
const KeepRestoreEvery = launchWithin / 4

// SettleRestores records of restores whose process died that they were interrupted.
func (s *Service) SettleRestores(ctx context.Context) error {
	died, err := s.Registry.SettleRestores(ctx)
	for _, x := range died {
		s.Log.Warn("a former process did not finish this restore", "restore_id", x.ID, "target", x.Target, "database", x.Database, "half_filled", x.HalfFilled)
	}
	return err
}
