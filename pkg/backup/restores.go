package backup

import (
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// RestoreTarget is a server that may be restored to by its name. Only the engine knows where it is.
type RestoreTarget struct {
	Name  string
	Modes []string // registry.RestoreNew, registry.RestoreReplace
}

// RestoreOrder asks for a restore as work of its own, into a database of a target.
type RestoreOrder struct {
	Backup   string // its id, or another way to name it
	Target   string
	Database string
	Mode     string // registry.RestoreNew, also where it is "", or registry.RestoreReplace
	// Confirm repeats the name of a database that is to be replaced.
	Confirm      string
	NoOwner      bool
	NoPrivileges bool
	By           string
}

// StartRestore refuses what can be refused without connecting, and reserves a restore: RunRestore makes it.
func (s *Service) StartRestore(ctx context.Context, o RestoreOrder) (registry.Restore, error) {
	if o.Mode == "" {
		o.Mode = registry.RestoreNew
	}
	if err := s.checkOrder(o); err != nil {
		return registry.Restore{}, err
	}
	b, err := s.restorable(ctx, o.Backup, RestoreRequest{Clean: o.Mode == registry.RestoreReplace})
	if err != nil {
		return registry.Restore{}, err
	}
	if err := s.restoringAlready(ctx, o); err != nil {
		return registry.Restore{}, err
	}
	id, err := s.newID()
	if err != nil {
		return registry.Restore{}, err
	}
	x, err := s.Registry.ReserveRestore(ctx, registry.Restore{
		ID: id, Backup: b.ID, Target: o.Target, Database: o.Database, Mode: o.Mode, NoOwner: o.NoOwner, NoPrivileges: o.NoPrivileges,
		By: o.By, CreatedAt: s.Now(), Total: b.Size,
	}, launchWithin)
	if err == nil {
		s.Log.Info("restore asked for", "restore_id", x.ID, "backup_id", b.ID, "target", x.Target, "database", x.Database, "mode", x.Mode)
	}
	return x, err
}

// lookBack is how many of the newest restores are looked at for one that goes on.
const lookBack = 100

// restoringAlready refuses a second restore into a database while one goes on. Two that are asked for at the same moment may both pass.
func (s *Service) restoringAlready(ctx context.Context, o RestoreOrder) error {
	newest, _, err := s.Registry.Restores(ctx, "", lookBack)
	if err != nil {
		return err
	}
	for _, x := range newest {
		if x.Live() && x.Target == o.Target && x.Database == o.Database {
			return fault.New(fault.Validation, fault.Busy, "Wait until it has ended, or cancel it.", "restore %s into the database %q of target %s goes on", x.ID, x.Database, x.Target)
		}
	}
	return nil
}

// checkOrder refuses an order by what it says.
func (s *Service) checkOrder(o RestoreOrder) error {
	i := slices.IndexFunc(s.Targets, func(t RestoreTarget) bool { return t.Name == o.Target })
	if i < 0 {
		hint := "Name servers to restore to under targets in cofre.yaml."
		if len(s.Targets) > 0 {
			hint = "Known are: " + joined(s.Targets, func(t RestoreTarget) string { return t.Name }) + "."
		}
		return invalid(hint, "there is no target of this name") // which may be a connection string, with its password
	}
	if err := checkDatabaseName(o.Database); err != nil {
		return err
	}
	t := s.Targets[i]
	switch {
	case o.Mode != registry.RestoreNew && o.Mode != registry.RestoreReplace:
		return invalid("Use new or replace.", "%.40q is not a way to restore", o.Mode)
	case !slices.Contains(t.Modes, o.Mode):
		return invalid("What may be done at a target is in cofre.yaml, under allow.", "the target %s does not allow the mode %s", t.Name, o.Mode)
	case o.Mode == registry.RestoreReplace && o.Confirm != o.Database:
		return invalid("Repeat the database's name in confirm.", "what the database %q holds would be replaced, and that was not confirmed", o.Database)
	}
	return nil
}

// systemDatabases are PostgreSQL's own, without which a server is hard to use.
var systemDatabases = []string{"postgres", "template0", "template1"}

// checkDatabaseName refuses what is not the plain name of a database to restore into.
func checkDatabaseName(name string) error {
	const hint = "Use letters, digits, dashes, dots and underscores, such as shop_restored."
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("_-.$", r)
	}
	switch first, _ := utf8.DecodeRuneInString(name); {
	case name == "":
		return invalid(hint, "the database to restore into has no name")
	case len(name) > 63:
		return invalid("PostgreSQL allows 63 bytes.", "the name of the database is too long (%d bytes)", len(name))
	case !utf8.ValidString(name), strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }), !unicode.IsLetter(first) && !unicode.IsDigit(first) && first != '_':
		return invalid(hint, "this is not a name for a database that can be restored into on request")
	case slices.Contains(systemDatabases, strings.ToLower(name)):
		return invalid("Name a database of your own.", "the database %s belongs to PostgreSQL itself", name)
	}
	return nil
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
		s.Log.Warn("restore given up before it was begun", "restore_id", id, "error", cause.Error())
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
