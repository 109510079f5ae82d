package api

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/quantity"
	"cofre/pkg/storage"
)

// A look at everything costs requests to storage and a connection to the database, and anybody may ask for it. So one
// look serves everybody for healthFor, and takes healthWithin at most.
const (
	healthFor    = 30 * time.Second
	healthWithin = 20 * time.Second
)

// health remembers the last look.
type health struct {
	mu     sync.Mutex // held while looking: others wait and share the outcome
	at     time.Time
	failed bool
	checks []contract.HealthCheck
}

// checkHealth answers whether everything is all right; whoever may see the metrics is told why.
func (a *API) checkHealth(ctx context.Context, c *call) (answer, error) {
	at, failed, checks := a.look(ctx)
	out := contract.HealthResponse{Status: contract.HealthResponseStatusOk, CheckedAt: at.UTC().Truncate(time.Second)}
	code := http.StatusOK
	if failed {
		out.Status, code = contract.HealthResponseStatusFailing, http.StatusServiceUnavailable
	}
	if c.may(c.op.DetailPermission) {
		out.Checks, out.Version = checks, a.Version
	}
	return answer{status: code, body: out}, nil
}

// look gives the last look, or takes a new one. It does not end with the caller who happens to start it: others wait
// for the same.
func (a *API) look(ctx context.Context) (time.Time, bool, []contract.HealthCheck) {
	h := &a.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := a.Now(); h.checks == nil || now.Sub(h.at) >= healthFor || now.Before(h.at) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), healthWithin)
		defer cancel()
		h.at, h.failed = now, false
		space, database := a.checkSpace(ctx), a.checkDatabase(ctx)
		o, err := a.Service.Overview(ctx, nil) // behind the look at the databases: what that refused is in it
		if err == nil {
			foretell(&space, o)
		}
		h.checks = []contract.HealthCheck{space, database, a.checkSources(ctx, o, err), a.checkIntegrity(ctx), a.checkPermissions(ctx)}
		a.words.walk(reflect.ValueOf(h.checks)) // they are shared
		for _, check := range h.checks {
			h.failed = h.failed || check.Result == contract.HealthCheckResultFailed
		}
	}
	return h.at, h.failed, h.checks
}

func failing(name contract.HealthCheckName, err error) contract.HealthCheck {
	f := fault.From(err)
	return contract.HealthCheck{
		Name: name, Result: contract.HealthCheckResultFailed, Detail: f.Message, Hint: hintOf(f.Hint), Code: contract.ErrorCode(f.Code), Reason: string(f.Reason),
	}
}

// checkSpace compares what is stored with the quota, and looks at the disk of a local directory.
func (a *API) checkSpace(ctx context.Context) contract.HealthCheck {
	check := contract.HealthCheck{Name: contract.HealthCheckNameStorageSpace, Result: contract.HealthCheckResultOk}
	v, err := a.Service.Registry.Read(ctx)
	if err != nil {
		return failing(check.Name, err)
	}
	used := v.Count().Bytes
	check.Detail = quantity.Bytes(used) + " used; no quota"
	if quota := a.Service.Limits.MaxTotalBytes; quota > 0 {
		check.Detail = fmt.Sprintf("%s of %s used", quantity.Bytes(used), quantity.Bytes(quota))
		grade(&check, float64(used)/float64(quota), "Remove backups or raise BACKUP_MAX_STORAGE_SIZE_GB.")
	}
	if a.Service.FreeSpace == nil || check.Result == contract.HealthCheckResultFailed {
		return check
	}
	free, total, err := a.Service.FreeSpace()
	if err != nil {
		return failing(check.Name, fault.Wrap(err, fault.FileSystem, fault.StorageFailed, "Look at the disk of the backup directory.", "the free space of the disk cannot be told"))
	}
	check.Detail += fmt.Sprintf("; %s free on disk", quantity.Bytes(free))
	if total > 0 {
		grade(&check, 1-float64(free)/float64(total), "Free space on the backup disk.")
	}
	return check
}

// foretell warns of a storage that will be full soon, where it is not yet. What warns already keeps its hint.
func foretell(check *contract.HealthCheck, o overview.Overview) {
	text, hint, soon := backup.StorageFull(o)
	if !soon || check.Result == contract.HealthCheckResultFailed {
		return
	}
	check.Detail += "; " + text
	if check.Result == contract.HealthCheckResultOk {
		check.Result, check.Hint, check.Step = contract.HealthCheckResultWarning, hintOf(hint), contract.NextStep(overview.StepRoom)
	}
}

// grade warns when something is nearly full, and fails when it is.
func grade(check *contract.HealthCheck, part float64, hint string) {
	switch {
	case part >= 1:
		check.Result, check.Hint, check.Step = contract.HealthCheckResultFailed, hint, contract.NextStep(overview.StepRoom)
		check.Code, check.Reason = contract.ErrorCodeDiskSpaceError, string(fault.StorageFull)
	case part >= backup.NearlyFull && check.Result == contract.HealthCheckResultOk:
		check.Result, check.Hint, check.Step = contract.HealthCheckResultWarning, hint, contract.NextStep(overview.StepRoom)
	}
}

// checkDatabase connects to the database and sees whether it can be dumped.
func (a *API) checkDatabase(ctx context.Context) contract.HealthCheck {
	check := contract.HealthCheck{Name: contract.HealthCheckNameDatabase, Result: contract.HealthCheckResultOk}
	if a.Service.Engine == nil {
		check.Result, check.Detail = contract.HealthCheckResultWarning, "no database is configured here"
		return check
	}
	all, err := a.Service.Sources(ctx)
	if err != nil {
		return failing(check.Name, err)
	}
	findings := findingsOf(append(a.Service.Engine.Checks(ctx, all), append(backup.CheckFollowed(all), backup.CheckKept(all)...)...), &check)
	check.Detail, check.Findings = joined(findings), several(findings)
	if check.Result != contract.HealthCheckResultOk {
		check.Step = contract.NextStep(overview.StepSource)
	}
	if check.Result == contract.HealthCheckResultFailed {
		return check
	}
	said := a.Service.CheckSources(ctx, all.Active())
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if err := said[name]; fault.HasReason(err, fault.ServerChanged) {
			check = failing(check.Name, err)
			check.Step, check.Source = contract.NextStep(overview.StepSource), name
			return check
		}
	}
	return check
}

// findingsOf is what was found of each database, the worst first. The first of the worst gives the check its result, and what to do.
func findingsOf(checks []backup.Check, check *contract.HealthCheck) []contract.HealthFinding {
	rank := []string{backup.CheckFailed, backup.CheckWarning, backup.CheckOK}
	slices.SortStableFunc(checks, func(x, y backup.Check) int {
		return cmp.Compare(slices.Index(rank, x.Result), slices.Index(rank, y.Result))
	})
	findings := make([]contract.HealthFinding, 0, len(checks))
	for i, c := range checks {
		text := c.Detail
		if c.Error != nil {
			text = c.Error.Message
		}
		if c.Source != "" {
			text = c.Source + ": " + text
		} else if strings.HasPrefix(c.Name, "target ") {
			text = c.Name + ": " + text
		}
		if i == 0 && c.Result != backup.CheckOK {
			check.Result, check.Hint, check.Source = contract.HealthCheckResult(c.Result), hintOf(c.Hint), c.Source
			if c.Error != nil {
				check.Code, check.Reason = contract.ErrorCode(c.Error.Code), string(c.Error.Reason)
			}
		}
		findings = append(findings, contract.HealthFinding{Result: contract.HealthFindingResult(c.Result), Source: c.Source, Text: text, Hint: hintOf(c.Hint)})
	}
	return bounded(findings)
}

// bounded leaves the first of them, and says how many more there are.
func bounded(findings []contract.HealthFinding) []contract.HealthFinding {
	n := len(findings)
	if n <= maxFindings {
		return findings
	}
	return append(findings[:maxFindings:maxFindings], contract.HealthFinding{Result: findings[maxFindings].Result, Text: fmt.Sprintf("and %d more", n-maxFindings)})
}

// joined is all of them in one text.
func joined(findings []contract.HealthFinding) string {
	texts := make([]string, len(findings))
	for i, f := range findings {
		texts[i] = f.Text
	}
	return strings.Join(texts, "; ")
}

// several are findings of which one text would be hard to read.
func several(findings []contract.HealthFinding) []contract.HealthFinding {
	if len(findings) < 2 {
		return nil
	}
	return findings
}

// checkSources tells what somebody should look at, source by source.
func (a *API) checkSources(ctx context.Context, o overview.Overview, err error) contract.HealthCheck {
	check := contract.HealthCheck{Name: contract.HealthCheckNameSources, Result: contract.HealthCheckResultOk}
	if err != nil {
		return failing(check.Name, err)
	}
	check.Detail = fmt.Sprintf("%d sources, all with a good backup that is young enough", len(o.Sources))
	if len(o.Sources) == 1 {
		check.Detail = "the source has a good backup that is young enough"
	}
	if len(o.Sources) == 0 {
		// Where nothing is backed up, nothing is well.
		check.Result, check.Detail = contract.HealthCheckResultWarning, "no source yet"
	}
	switch o.State {
	case overview.Failing:
		check.Result = contract.HealthCheckResultFailed
	case overview.Warning:
		check.Result = contract.HealthCheckResultWarning
	}
	var findings []contract.HealthFinding
	for _, s := range o.Sources {
		for _, f := range s.Findings {
			findings = append(findings, contract.HealthFinding{Result: severities[f.Severity], Source: s.Name, Text: s.Name + ": " + f.Text, Hint: hintOf(f.Hint)})
			if check.Hint == "" && f.Severity == o.State {
				check.Hint, check.Reason = hintOf(f.Hint), string(f.Code)
				check.Step, check.Source, check.BackupID = contract.NextStep(f.Step), s.Name, f.Backup
				if f.Error != nil {
					check.Code, check.Reason = contract.ErrorCode(f.Error.Code), string(f.Error.Reason)
				}
			}
		}
	}
	slices.SortStableFunc(findings, func(x, y contract.HealthFinding) int { return cmp.Compare(x.Result, y.Result) }) // failed, then warning
	findings = bounded(findings)
	if proofs, ok := a.Service.CheckProofs(ctx, o); ok && proofs.Result != backup.CheckOK { // once, not of each source
		text := "proofs cannot be made here: " + proofs.Detail
		findings = append(findings, contract.HealthFinding{Result: contract.HealthFindingResultWarning, Text: text, Hint: hintOf(proofs.Hint)})
		if check.Result == contract.HealthCheckResultOk {
			check.Result = contract.HealthCheckResultWarning
		}
		check.Hint = cmp.Or(check.Hint, hintOf(proofs.Hint))
	}
	if len(findings) > 0 {
		check.Detail, check.Findings = joined(findings), several(findings)
	}
	if a.Service.KeysElsewhere && a.Service.Defaults.Encrypt {
		check.Detail += "; new backups are encrypted: they can neither be restored nor proven here, where their key is not kept"
	}
	if names := provenInPart(o.Sources); len(names) > 0 { // no reason to worry, and not to be taken for more than it is
		check.Detail += "; proven in part: " + strings.Join(names, ", ")
	}
	return check
}

// severities are those of findings, as checks call them.
var severities = map[overview.State]contract.HealthFindingResult{overview.Failing: contract.HealthFindingResultFailed, overview.Warning: contract.HealthFindingResultWarning}

// provenInPart returns the sources whose newest proof left something out; at most maxFindings of them.
func provenInPart(sources []overview.Source) (names []string) {
	for i := range sources {
		if p := sources[i].LastProven; p != nil && p.InPart && len(names) < maxFindings {
			names = append(names, sources[i].Name)
		}
	}
	return names
}

// maxFindings bounds what one check says.
const maxFindings = 20

// checkIntegrity tells what the verifications found.
func (a *API) checkIntegrity(ctx context.Context) contract.HealthCheck {
	check := contract.HealthCheck{Name: contract.HealthCheckNameBackupIntegrity, Result: contract.HealthCheckResultOk}
	v, err := a.Service.Registry.Read(ctx)
	if err != nil {
		return failing(check.Name, err)
	}
	c := v.Count()
	good, damaged := c.Verified, c.Damaged
	check.Detail = fmt.Sprintf("verified backups: %d, damaged: %d", good, damaged)
	if off := a.Service.ContentsOff(v); off != "" {
		check.Detail += "; " + off
	}
	if f := fault.From(v.CheckSettings()); f != nil { // nothing is removed until then
		check.Result, check.Hint = contract.HealthCheckResultWarning, hintOf(f.Hint)
		check.Code, check.Reason = contract.ErrorCode(f.Code), string(f.Reason)
		check.Detail += "; " + f.Message
		return check
	}
	switch {
	case damaged > 0:
		check.Result, check.Hint = contract.HealthCheckResultWarning, "Create new backups of the databases that they are of."
		check.Step = contract.NextStep(overview.StepDamaged)
	case good == 0:
		check.Result, check.Hint = contract.HealthCheckResultWarning, "Create the first backup."
		check.Step = contract.NextStep(overview.StepCreate)
	}
	return check
}

// healthKey is always the same, so that nothing piles up however the process ends.
const healthKey = "health.json"

// checkPermissions writes, reads and removes a small object, as a backup will have to.
func (a *API) checkPermissions(ctx context.Context) contract.HealthCheck {
	check := contract.HealthCheck{Name: contract.HealthCheckNamePermissions, Result: contract.HealthCheckResultOk,
		Detail: a.Service.Store.Describe() + ": can be written, read and deleted from"}
	if _, err := a.Service.Store.Put(ctx, healthKey, []byte("{}"), storage.PutOptions{ContentType: "application/json"}); err != nil {
		return failing(check.Name, err)
	}
	_, _, err := a.Service.Store.Get(ctx, healthKey)
	if derr := a.Service.Store.Delete(ctx, healthKey); err == nil || storage.IsNotFound(err) { // another instance removed it
		err = derr
	}
	if err != nil {
		return failing(check.Name, err)
	}
	return check
}
