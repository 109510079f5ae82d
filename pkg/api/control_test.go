package api_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// A backup that waits is canceled at once, and does not run when its launcher gets to it.
func TestCancelWaiting(t *testing.T) {
	w := newWorld(t, newDatabase(t), nil)
	w.launcher.hold = make(chan struct{})
	var b contract.BackupMetadata
	w.http(ask{"POST", "/api/backup/create", "ADMIN", "", nil}).want(202).into(&b)
	w.http(ask{"POST", "/api/backup/cancel/" + b.ID, "SUPERVISOR", "", nil}).problem(403, "PermissionError", "not_allowed")
	w.http(ask{"POST", "/api/backup/cancel/" + b.ID, "ADMIN", "", nil}).want(202)
	close(w.launcher.hold)
	w.launcher.work.Wait()
	w.http(ask{"GET", "/api/backup/" + b.ID, "ADMIN", "", nil}).want(200).into(&b)
	if b.Status != "failed" || b.Error.Code != "CanceledError" || b.Error.Reason != "canceled_by_user" || b.Error.Message != "the backup was canceled by subject-ADMIN" {
		t.Errorf("it is %+v", b)
	}
	w.http(ask{"POST", "/api/backup/cancel/" + b.ID, "ADMIN", "", nil}).problem(409, "ValidationError", "busy")
}

// Settings that were saved count for cleaning up and for the place of new backups, whatever the environment says.
func TestSavedSettingsCount(t *testing.T) {
	w := newWorld(t, newDatabase(t), nil, "BACKUP_RETENTION_DAYS=30", "BACKUP_ALLOWED_DIRECTORIES=nightly,manual", "BACKUP_DEFAULT_DIRECTORY=nightly")
	var got contract.SettingsResponse
	w.http(ask{"GET", "/api/backup/settings", "ADMIN", "", nil}).want(200).into(&got)
	if got.Settings.RetentionDays != 30 || got.Settings.DefaultDirectory != "nightly" || got.Limits.Database == "" || got.Limits.MaxDurationSeconds != 3600 {
		t.Errorf("settings are %+v", got)
	}
	w.http(ask{"PUT", "/api/backup/settings", "ADMIN", `{"maxBackups":0,"retentionDays":3,"defaultDirectory":"other"}`, nil}).problem(422, "ValidationError", "invalid_input")
	w.http(ask{"PUT", "/api/backup/settings", "SUPERVISOR", `{"maxBackups":0,"retentionDays":3,"defaultDirectory":""}`, nil}).problem(403, "PermissionError", "not_allowed")
	w.http(ask{"PUT", "/api/backup/settings", "ADMIN", `{"maxBackups":7,"retentionDays":3,"defaultDirectory":"manual"}`, nil}).want(200).into(&got)
	if got.Settings.RetentionDays != 3 || got.Settings.MaxBackups != 7 {
		t.Errorf("settings are %+v", got.Settings)
	}
	b := w.created(w.http, "")
	if b.Filepath != "files/manual/"+b.Filename {
		t.Errorf("it lies at %s", b.Filepath)
	}
	if days := b.Retention.ExpiresAt.Sub(b.CreatedAt).Hours() / 24; days != 3 || !b.Retention.OnlyVerified || b.Retention.Removed || b.Retention.Reasons[0].Code != "newest_verified" {
		t.Errorf("what becomes of it: %+v", b.Retention)
	}
	var plan contract.CleanupResponse
	w.http(ask{"POST", "/api/backup/cleanup", "ADMIN", `{"dryRun":true}`, nil}).want(200).into(&plan)
	if plan.Policy.KeepDays != 3 || plan.Policy.MaxBackups != 7 {
		t.Errorf("policy is %+v", plan.Policy)
	}
}

// Saved settings outlive the index. Where their copy is damaged too, nothing is removed by what the environment says, which
// may keep less, until they are saved again.
func TestSettingsOutliveTheIndex(t *testing.T) {
	now := time.Now()
	w := newWorld(t, newDatabase(t), func(c *api.Config) { c.Now = func() time.Time { return now } }, "BACKUP_RETENTION_DAYS=1", "BACKUP_MAX_BACKUPS_TO_KEEP=1")
	w.created(w.http, "")
	b := w.created(w.http, "")
	const body = `{"maxBackups":50,"retentionDays":365,"defaultDirectory":""}`
	put := func() { w.http(ask{"PUT", "/api/backup/settings", "ADMIN", body, nil}).want(200) }
	lose := func() {
		if err := w.Store.Delete(t.Context(), registry.IndexKey); err != nil {
			t.Fatal(err)
		}
	}
	cleanup := ask{"POST", "/api/backup/cleanup", "ADMIN", "", nil}
	put()
	lose()
	var plan contract.CleanupResponse
	w.http(cleanup).want(200).into(&plan)
	if plan.Policy.KeepDays != 365 || plan.Policy.MaxBackups != 50 || len(plan.Removed) > 0 {
		t.Errorf("cleaned up by %+v: %+v", plan.Policy, plan.Removed)
	}
	lose()
	if _, err := w.Store.Put(t.Context(), registry.SettingsKey, []byte("{"), storage.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"", `{"dryRun":true}`, `{"days":0}`} {
		cleanup.body = body
		if p := w.http(cleanup).problem(409, "ValidationError", "settings_lost"); p.Hint == "" {
			t.Errorf("no hint: %+v", p)
		}
	}
	var kept contract.BackupMetadata
	w.http(ask{"GET", "/api/backup/" + b.ID, "ADMIN", "", nil}).want(200).into(&kept)
	if b := kept; b.Retention.Removed || b.Retention.ExpiresAt.Unix() > 0 {
		t.Errorf("what becomes of it: %+v", b.Retention)
	}
	integrity := func() string {
		var h contract.HealthResponse
		now = now.Add(time.Minute)
		w.http(ask{"GET", "/api/health", "ADMIN", "", nil}).want(200).into(&h)
		return h.Checks[3].Reason
	}
	doctor := func() bool {
		return slices.ContainsFunc(w.Service.Doctor(t.Context()).Checks, func(c backup.Check) bool { return c.Name == "settings" && c.Result == backup.CheckFailed })
	}
	if r := integrity(); r != "settings_lost" || !doctor() {
		t.Errorf("health says %q, doctor fails %v", r, doctor())
	}
	put()
	w.http(ask{"POST", "/api/backup/cleanup", "ADMIN", "", nil}).want(200).into(&plan)
	if r := integrity(); plan.Policy.KeepDays != 365 || r != "" || doctor() {
		t.Errorf("saved again: %+v, health says %q", plan.Policy, r)
	}
}

// Of two administrators who read the same settings, the second one to save is told, through both doors.
func TestSettingsChangedMeanwhile(t *testing.T) {
	w := newWorld(t, "postgresql://nobody@127.0.0.1:1/none", nil, "BACKUP_RETENTION_DAYS=30")
	for name, door := range map[string]func(ask) reply{"server": w.http, "function": w.function} {
		put := func(days int, tag string) reply {
			q := ask{"PUT", "/api/backup/settings", "ADMIN", fmt.Sprintf(`{"maxBackups":5,"retentionDays":%d,"defaultDirectory":""}`, days), nil}
			if tag != "" {
				q.header = map[string]string{"If-Match": tag}
			}
			return door(q)
		}
		read := func() (string, int) {
			var s contract.SettingsResponse
			r := door(ask{"GET", "/api/backup/settings", "ADMIN", "", nil}).want(200).into(&s)
			return r.header.Get("ETag"), s.Settings.RetentionDays
		}
		seen, _ := read()
		first := put(40, seen).want(200).header.Get("ETag")
		put(1, seen).problem(412, "ValidationError", "precondition_failed")
		put(1, `"0123456789abcdef"`).problem(412, "ValidationError", "precondition_failed")
		put(1, `nonsense`).problem(412, "ValidationError", "precondition_failed")
		now, days := read()
		if days != 40 || now != first || now == seen {
			t.Errorf("%s: %d days, first read as %s, saved as %s, read as %s", name, days, seen, first, now)
		}
		second := put(50, `"0123456789abcdef", W/`+now).want(200).header.Get("ETag") // weakened on its way
		put(60, "*").want(200)
		put(70, second).problem(412, "ValidationError", "precondition_failed")
		put(40, "").want(200)
		if again, days := read(); days != 40 || again == first { // the same values, saved anew
			t.Errorf("%s: %d days, %s", name, days, again)
		}
	}
}

// A user's limits do not touch others.
func TestLimitsOfAUser(t *testing.T) {
	w := newWorld(t, newDatabase(t), nil, "BACKUP_MAX_BACKUPS_PER_USER=1", "BACKUP_MAX_CONCURRENT=5")
	w.created(w.http, "")
	r := w.http(ask{"POST", "/api/backup/create", "ADMIN", "", nil})
	if p := r.problem(429, "ValidationError", "limit_reached"); p.RetryAfter != 3600 || r.header.Get("Retry-After") != "3600" {
		t.Errorf("retry after %d", p.RetryAfter)
	}
	w.http(ask{"POST", "/api/backup/create", "SUPERADMIN", "", nil}).want(202)
	w.launcher.work.Wait()

	w = newWorld(t, newDatabase(t), nil, "BACKUP_MAX_CONCURRENT_PER_USER=1", "BACKUP_MAX_CONCURRENT=5")
	w.launcher.hold = make(chan struct{})
	w.http(ask{"POST", "/api/backup/create", "ADMIN", "", nil}).want(202)
	w.http(ask{"POST", "/api/backup/create", "ADMIN", "", nil}).problem(429, "ValidationError", "limit_reached")
	w.http(ask{"POST", "/api/backup/create", "SUPERADMIN", "", nil}).want(202)
	close(w.launcher.hold)
	w.launcher.work.Wait()
}

// onlyOthers refuses one subject.
type onlyOthers struct{ subject string }

func (l onlyOthers) Allow(_ context.Context, subject string) error {
	if subject != l.subject {
		return nil
	}
	return &fault.Error{Code: fault.Validation, Reason: "rate_limited", Message: "too many requests", Hint: "Wait.", RetryAfter: 3e9}
}

func TestLimitOfRequests(t *testing.T) {
	w := newWorld(t, "postgresql://nobody@127.0.0.1:1/none", func(c *api.Config) { c.Limiter = onlyOthers{"subject-ADMIN"} })
	for _, op := range w.contract.Operations() {
		q := ask{op.Method, op.Path, "ADMIN", "", nil}
		if r := w.http(q); r.problem(429, "ValidationError", "rate_limited").RetryAfter != 3 || r.header.Get("Retry-After") != "3" {
			t.Errorf("%s: %s", op.ID, r.body)
		}
	}
	w.http(ask{"GET", "/api/backup/list", "SUPERVISOR", "", nil}).want(200)
	w.http(ask{"GET", "/api/health", "", "", nil})
}

func TestSession(t *testing.T) {
	w := newWorld(t, "postgresql://nobody@127.0.0.1:1/none", nil)
	for role, want := range map[string][]string{"SUPERVISOR": {"download", "list"}, "USUARIO": {}} {
		var s contract.Session
		w.http(ask{"GET", "/api/session", role, "", nil}).want(200).into(&s)
		if s.Role != role || s.Subject != "subject-"+role || !slices.Equal(s.Permissions, want) {
			t.Errorf("%s: %+v", role, s)
		}
	}
	var s contract.Session
	w.http(ask{"GET", "/api/session", "ADMIN", "", nil}).want(200).into(&s)
	if len(s.Permissions) < 9 {
		t.Errorf("ADMIN: %+v", s)
	}
}

// A request that is sent again may find that the launcher refuses: what the first one began goes on.
func TestLaunchRefusedOnceBegun(t *testing.T) {
	w := newWorld(t, newDatabase(t), nil)
	w.launcher.hold = make(chan struct{})
	var b contract.BackupMetadata
	again := ask{"POST", "/api/backup/create", "ADMIN", "", map[string]string{"Idempotency-Key": "k"}}
	w.http(again).want(202).into(&b)
	lease, err := w.Service.Registry.Claim(t.Context(), b.ID, "elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	w.launcher.err = fault.New(fault.BackupCreation, "", "", "too many executions")
	w.http(again).want(500)
	if c, err := lease.Canceled(t.Context()); c != nil || err != nil {
		t.Errorf("the run is told to stop: %+v, %v", c, err)
	}
	w.http(ask{"GET", "/api/backup/" + b.ID, "ADMIN", "", nil}).want(200).into(&b)
	if b.Status != "in_progress" {
		t.Errorf("it is %+v", b)
	}
	close(w.launcher.hold)
}
