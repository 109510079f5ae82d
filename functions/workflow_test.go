package functions_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"cofre/internal/testenv"
	"cofre/pkg/app"
	"cofre/pkg/backup"
)

// stepFunctions takes executions as AWS Step Functions does, and runs nothing.
type stepFunctions struct {
	*httptest.Server
	mu      sync.Mutex
	started []struct{ Name, Input string }
	refused int // so many of the next ones
}

const stateMachine = "arn:aws:states:us-east-1:123456789012:stateMachine:cofre"

func newStepFunctions(t testing.TB) *stepFunctions {
	t.Helper()
	s := &stepFunctions{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		var in struct{ Name, Input, StateMachineArn string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.StateMachineArn != stateMachine {
			t.Errorf("asked to start %+v, %v", in, err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if s.refused > 0 {
			s.refused--
			w.WriteHeader(400)
			io.WriteString(w, `{"__type":"AccessDeniedException","message":"no"}`)
			return
		}
		for _, before := range s.started {
			if before.Name == in.Name {
				w.WriteHeader(400)
				io.WriteString(w, `{"__type":"ExecutionAlreadyExists","message":"it has ended"}`)
				return
			}
		}
		s.started = append(s.started, struct{ Name, Input string }{in.Name, in.Input})
		fmt.Fprintf(w, `{"executionArn":"%s:%s","startDate":1.5e9}`, stateMachine, in.Name)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *stepFunctions) executions() []struct{ Name, Input string } {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started
}

// names are those of what was started.
func (s *stepFunctions) names() []string {
	var all []string
	for _, e := range s.executions() {
		all = append(all, e.Name)
	}
	return all
}

// refuse has so many of the next executions refused.
func (s *stepFunctions) refuse(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = n
}

// An API call is answered at once and starts the workflow, whose steps then do the work. Steps that are delivered twice
// give the same answer.
func TestWorkflow(t *testing.T) {
	states := newStepFunctions(t)
	w := newWorld(t, "BACKUP_WORKFLOW_ARN="+stateMachine, "AWS_ENDPOINT_URL_SFN="+states.URL, "BACKUP_MAX_CONCURRENT=10")
	create := w.start("create")
	keyed := strings.Replace(string(event(t, "create", "")), `"accept"`, `"idempotency-key": "k1", "accept"`, 1)
	var b, again outcome
	create.invoke([]byte(keyed)).http(202, &b)
	if b.Status != "in_progress" {
		t.Errorf("it gave %+v", b)
	}
	create.invoke([]byte(keyed)).http(202, &again)
	started := states.executions()
	if again.ID != b.ID || len(started) != 1 || started[0].Name != b.ID || started[0].Input != `{"id":"`+b.ID+`"}` {
		t.Errorf("twice %s and %s started %+v", b.ID, again.ID, started)
	}
	var plan struct {
		ID, Engine     string
		EstimatedBytes int64
	}
	if create.invoke(event(t, "create-plan", b.ID)).into(&plan); plan.ID != b.ID || plan.Engine != "lambda" || plan.EstimatedBytes == 0 {
		t.Errorf("the plan is %+v", plan)
	}
	for range 2 {
		if create.invoke(event(t, "create-run", b.ID)).into(&again); again.ID != b.ID || again.Status != "success" {
			t.Errorf("the run gave %+v", again)
		}
	}
	// A workflow that was told of a failure all the same cannot undo what was committed.
	if create.invoke(event(t, "create-finalize", b.ID)).into(&again); again.Status != "success" {
		t.Errorf("finalize gave %+v", again)
	}
	create.invoke(task("plan", b.ID)).failed("ValidationError")
	create.invoke(task("run", sampleID)).failed("ValidationError")
	create.invoke(task("finalize", "../../x")).failed("ValidationError")

	var reserved outcome
	for range 2 {
		var r outcome
		create.invoke(event(t, "create-reserve", "")).into(&r)
		if r.Status != "in_progress" || reserved.ID != "" && r.ID != reserved.ID {
			t.Errorf("reserved %+v, before %+v", r, reserved)
		}
		reserved = r
	}
	// One whose run died without a word.
	if create.invoke(event(t, "create-finalize", reserved.ID)).into(&again); again.Status != "failed" || again.Error.Code != "BackupCreationError" || again.Error.Reason != "timeout" {
		t.Errorf("finalize gave %+v", again)
	}
	if n := strings.Count(create.log.String(), `"BackupFailure":1`); n != 1 { // its run could not say so
		t.Errorf("the metrics count %d failures", n)
	}
	// A schedule without a state machine of its own hands over, too.
	if create.invoke(event(t, "create-schedule", "")).into(&again); again.Status != "in_progress" || len(states.executions()) != 2 {
		t.Errorf("the schedule gave %+v", again)
	}
}

// A restore is taken for a target of the configuration in the bucket, and started once; one whose container did not begin it is ended by
// the workflow's last step. A schedule has the newest backup of each source proven.
func TestRestoresAndProofs(t *testing.T) {
	states := newStepFunctions(t)
	w := newWorld(t)
	var made outcome
	w.start("create").invoke(event(t, "create-schedule", "")).into(&made)
	config := "targets:\n  - name: staging\n    connection: {secret: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:cofre/shop/staging-AbCdEf'}\n"
	if _, err := testenv.MinIO(t).Client(t).PutObject(t.Context(), w.bucket, "config/cofre.yaml", strings.NewReader(config), int64(len(config)), minio.PutObjectOptions{}); err != nil {
		t.Fatal(err)
	}
	long := []string{"BACKUP_WORKFLOW_ARN=" + stateMachine, "AWS_ENDPOINT_URL_SFN=" + states.URL, "BACKUP_CONFIG=s3://" + w.bucket + "/config/cofre.yaml", "DATABASE_URL="}
	restore := w.start("restore", long...)
	var x struct {
		ID, State  string
		HalfFilled bool
		Error      struct{ Code, Reason string }
	}
	if headers := restore.invoke(event(t, "restore", made.ID)).http(202, &x); headers["Location"] != "/api/restore/status/"+x.ID || x.State != "reserved" {
		t.Errorf("it gave %+v, %v", x, headers)
	}
	if started := states.executions(); len(started) != 1 || started[0].Name != x.ID || !regexp.MustCompile(`^\{"id":"`+x.ID+`","asked":"[0-9a-f]{64}"\}$`).MatchString(started[0].Input) {
		t.Errorf("started was %+v", started)
	}
	restore.invoke(event(t, "restore", made.ID)).http(409, nil) // it goes on already
	id := x.ID
	for range 2 {
		if restore.invoke(event(t, "restore-settle", id)).into(&x); x.State != "failed" || x.HalfFilled || x.Error.Code != "BackupCreationError" || x.Error.Reason != "not_started" {
			t.Errorf("settle gave %+v", x)
		}
	}
	restore.invoke(event(t, "restore-status", id)).http(200, &x)
	restore.invoke(event(t, "restore-cancel", id)).http(409, nil)
	restore.invoke(task("settle", sampleID)).failed("ValidationError")
	restore.invoke(task("run", id)).failed("ValidationError")

	prove := w.start("prove", long...)
	var proving struct{ IDs []string }
	var proof struct {
		ID, State string
		Error     struct{ Reason string }
	}
	var one struct {
		ProofAttempt struct{ State, RequestedBy string }
	}
	// Its time has come, whatever this machine's clock says.
	due := bytes.ReplaceAll(event(t, "prove-schedule", ""), []byte("2026-11-29"), []byte("2025-11-30"))
	for range 2 { // what waits already is not begun again
		prove.invoke(event(t, "prove", made.ID)).http(202, nil)
		if prove.invoke(due).into(&proving); len(proving.IDs) != 1 || proving.IDs[0] != made.ID {
			t.Errorf("the schedule has %+v proven", proving)
		}
	}
	if started := states.executions(); len(started) != 2 || !strings.HasPrefix(started[1].Name, "prove-"+made.ID+"-") || started[1].Input != `{"id":"`+made.ID+`"}` {
		t.Errorf("started was %+v", started)
	}
	// It waits for the container, as the backup's record says.
	if w.start("list").invoke(event(t, "list-info", made.ID)).http(200, &one); one.ProofAttempt.State != "waiting" || one.ProofAttempt.RequestedBy == "" {
		t.Errorf("the record says %+v", one)
	}
	for range 2 {
		if prove.invoke(event(t, "prove-settle", made.ID)).into(&proof); proof.State != "failed" || proof.Error.Reason != "not_started" {
			t.Errorf("settle gave %+v", proof)
		}
	}
	for range 2 { // delivered twice, it is begun once
		prove.invoke(due).into(&proving)
		prove.invoke(event(t, "prove-settle", made.ID)).into(&proof)
	}
	if started := states.executions(); len(started) != 3 || len(proving.IDs) != 1 {
		t.Errorf("started was %+v", started)
	}
	// A configuration that cannot be read stops restores, and is told to whoever runs it alone.
	wrong := w.start("restore", append(long, "BACKUP_CONFIG=s3://"+w.bucket+"/config/none.yaml")...)
	var problem map[string]any
	if wrong.invoke(event(t, "restore-list", "")).http(500, &problem); strings.Contains(fmt.Sprint(problem), "none.yaml") || !strings.Contains(wrong.log.String(), "none.yaml") {
		t.Errorf("it answers %v\n%s", problem, wrong.log)
	}
}

// A failure says whether a workflow may try again, and nothing that is secret.
func TestFailuresOfTheWorkflow(t *testing.T) {
	w := newWorld(t)
	proxy := testenv.Proxy(t, address(t, w.database))
	through := testenv.Postgres(t, testenv.NewestMajor).URLThrough(proxy.Addr(), database(t, w.database))
	create := w.start("create", "DATABASE_URL="+through)
	var b outcome
	create.invoke(event(t, "create-reserve", "")).into(&b)
	proxy.Cut()
	message := create.invoke(event(t, "create-plan", b.ID)).failed("DatabaseConnectionError.Transient")
	if !strings.Contains(message, "127.0.0.1") {
		t.Errorf("the message is %s", message)
	}
	create.invoke(event(t, "create-run", b.ID)).failed("DatabaseConnectionError.Transient")
	// It is recorded; the same work again says the same, though the database is back.
	proxy.Heal()
	create.invoke(event(t, "create-run", b.ID)).failed("DatabaseConnectionError")
	if secret := password(t, w.database); strings.Contains(create.log.String(), secret) {
		t.Error("the password is in the log")
	}
}

// A function stops in time: the upload is aborted, and the record says that the time was up and what to do.
func TestTimeIsUp(t *testing.T) {
	w := newWorld(t)
	testenv.LoadSQL(t, w.database, "CREATE TABLE large AS SELECT g, md5(g::text) || md5((g+1)::text) AS v FROM generate_series(1, 300000) g")
	proxy := testenv.Proxy(t, address(t, w.database))
	proxy.Throttle(testenv.ToClient, 1<<20)
	through := testenv.Postgres(t, testenv.NewestMajor).URLThrough(proxy.Addr(), database(t, w.database))
	create := w.start("create", "DATABASE_URL="+through, "AWS_LAMBDA_FUNCTION_TIMEOUT=9")
	message := create.invoke(event(t, "create-schedule", "")).failed("BackupCreationError") // the emulator would end it after 9 s
	if !strings.Contains(message, "time was up") || !strings.Contains(message, "container") {
		t.Errorf("the message is %s", message)
	}
	var one struct {
		Status string
		Error  struct{ Code, Reason string }
	}
	list := w.start("list")
	all := w.list(list)
	if len(all) != 1 {
		t.Fatalf("on record are %+v", all)
	}
	list.invoke(event(t, "list-info", all[0].ID)).http(200, &one)
	if one.Status != "failed" || one.Error.Code != "BackupCreationError" || one.Error.Reason != "timeout" {
		t.Errorf("on record is %+v", one)
	}
	for u := range testenv.MinIO(t).Client(t).ListIncompleteUploads(t.Context(), w.bucket, "", true) {
		t.Errorf("an upload is left: %s", u.Key)
	}
}

// The settings name a secret, and the log does not have it.
func TestDatabaseFromASecret(t *testing.T) {
	const arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:shop-AbCdEf"
	w := newWorld(t)
	manager := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/x-amz-json-1.1")
		json.NewEncoder(rw).Encode(map[string]string{"ARN": arn, "Name": "shop", "SecretString": w.database})
	}))
	t.Cleanup(manager.Close)
	create := w.start("create", "DATABASE_URL="+arn, "AWS_ENDPOINT_URL_SECRETS_MANAGER="+manager.URL)
	var b outcome
	if create.invoke(event(t, "create-schedule", "")).into(&b); b.Status != "success" {
		t.Errorf("made %+v", b)
	}
	if strings.Contains(create.log.String(), password(t, w.database)) {
		t.Error("the password is in the log")
	}
}

// What is due of the sources of cofre.yaml is begun by a look every few minutes: of two looks at once, and a later one, each begins the same backup once; what
// was missed for days is made up for once; what is paused, and the environment's own database, are not begun. A source that fails keeps no other from its
// backup. A configuration that cannot be read begins nothing, and is told: to whoever looks at the function, and by health.
func TestDue(t *testing.T) {
	const prefix = "arn:aws:secretsmanager:us-east-1:123456789012:secret:cofre/shop/sources/"
	states := newStepFunctions(t)
	w := newWorld(t, "BACKUP_WORKFLOW_ARN="+stateMachine, "AWS_ENDPOINT_URL_SFN="+states.URL, "BACKUP_MAX_CONCURRENT=20", "BACKUP_SECRET_PREFIX=cofre/shop/", "BACKUP_SCHEDULE=cron(0 2 * * ? *)")
	w.env = append(w.env, "BACKUP_CONFIG=s3://"+w.bucket+"/config/cofre.yaml", "AWS_ENDPOINT_URL_SECRETS_MANAGER="+secretsOf(t, map[string]string{prefix + "crm-AbCdEf": w.database}))
	for _, line := range w.env {
		if name, value, _ := strings.Cut(line, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value)
		}
	}
	config := "sources:\n"
	// begun adds a source whose schedule has begun its last backup so long ago, and returns its id.
	begun := func(source, more string, ago time.Duration) (*app.App, string) {
		t.Helper()
		config += "  - name: " + source + "\n    connection: {secret: '" + prefix + source + "-AbCdEf'}\n    schedule: rate(1 day)\n" + more
		w.configure(config)
		c, err := app.Load(w.env)
		if err != nil {
			t.Fatal(err)
		}
		a, err := app.Open(t.Context(), c, app.Options{})
		if err != nil {
			t.Fatal(err)
		}
		a.Service.Now = func() time.Time { return time.Now().Add(-ago) }
		b, err := a.Service.Reserve(t.Context(), backup.Request{Source: source, CreatedBy: backup.Scheduler, Trigger: backup.TriggerSchedule, IdempotencyKey: "before"})
		if err != nil {
			t.Fatal(err)
		}
		return a, b.ID
	}
	// name adds one whose last backup was begun, and has ended, three days ago.
	name := func(source, more string) {
		t.Helper()
		a, id := begun(source, more, 72*time.Hour)
		if _, err := a.Service.Withdraw(t.Context(), id, errors.New("it was long ago")); err != nil {
			t.Fatal(err)
		}
	}
	name("crm", "")
	name("gone", "")
	name("paused", "    paused: true\n")
	type started struct {
		Started []struct{ Source, ID, Status string }
		Waiting int
	}
	looks := make([]started, 3)
	functions := []*function{w.start("create"), w.start("create")}
	var both sync.WaitGroup
	for i, f := range functions {
		both.Go(func() { f.invoke(event(t, "create-due", "")).into(&looks[i]) })
	}
	both.Wait()
	functions[1].invoke(event(t, "create-due", "")).into(&looks[2])
	ids := map[string]string{}
	for _, look := range looks {
		for _, s := range look.Started {
			if ids[s.Source] != "" && ids[s.Source] != s.ID {
				t.Errorf("%s was begun as %s and as %s", s.Source, ids[s.Source], s.ID)
			}
			ids[s.Source] = s.ID
		}
	}
	if names := states.names(); len(names) != 2 || ids["crm"] == "" || ids["gone"] == "" || len(ids) != 2 || len(looks[2].Started) != 0 || looks[2].Waiting != 0 {
		t.Fatalf("begun were %v, started %v; the third look gave %+v", ids, names, looks[2])
	}
	var made outcome
	if functions[0].invoke(event(t, "create-run", ids["crm"])).into(&made); made.Status != "success" || made.Size == 0 {
		t.Errorf("the backup is %+v", made)
	}
	if message := functions[0].invoke(event(t, "create-run", ids["gone"])).failed("PermissionError"); !strings.Contains(message, "gone") {
		t.Errorf("a source whose secret may not be read: %s", message)
	}

	// One whose workflow is not started is on record as failed, and the other is begun.
	name("first", "")
	name("second", "")
	states.refuse(1)
	message := w.start("create").invoke(event(t, "create-due", "")).failed("PermissionError")
	names := states.names()
	if len(names) != 3 || strings.Contains(message, "first (") == strings.Contains(message, "second (") {
		t.Errorf("started were %v: %s", names, message)
	}
	failed := 0
	for _, b := range w.list(w.start("list")) {
		if b.Error.Reason == "not_started" && b.ID != names[2] && b.Error.Code == "PermissionError" {
			failed++
		}
	}
	if failed != 1 {
		t.Errorf("%d are on record as not started", failed)
	}

	// While the one before is being made, what is due is left out.
	config = strings.ReplaceAll(config, "schedule: rate(1 day)", "schedule: never")
	begun("long", "", 20*time.Hour)
	w.configure(strings.Replace(config, "rate(1 day)", "rate(1 hour)", 1))
	var look struct{ Started, LeftOut []any }
	if w.start("create").invoke(event(t, "create-due", "")).into(&look); len(look.Started) != 0 || len(look.LeftOut) != 1 {
		t.Errorf("while one is being made: %+v", look)
	}

	w.configure(strings.Replace(config, "schedule:", "shedule:", 1))
	damaged := w.start("create")
	if message := damaged.invoke(event(t, "create-due", "")).failed("ValidationError"); !strings.Contains(message, "line 4") || !strings.Contains(message, "shedule") {
		t.Errorf("a damaged configuration: %s", message)
	}
	damaged.invoke(event(t, "create", "")).http(500, nil)
	if n := len(states.names()); n != 3 {
		t.Errorf("%d executions", n)
	}
	health := w.start("health")
	var answer struct {
		Status string
		Checks []struct{ Detail string }
	}
	asked := strings.ReplaceAll(string(event(t, "list-session", "")), "/api/session", "/api/health") // by an administrator
	if health.invoke([]byte(asked)).http(503, &answer); answer.Status != "failing" || !strings.Contains(fmt.Sprint(answer.Checks), "shedule") {
		t.Errorf("health says %+v", answer)
	}
}

// configure writes the configuration of a world.
func (w *world) configure(content string) {
	w.t.Helper()
	if _, err := testenv.MinIO(w.t).Client(w.t).PutObject(w.t.Context(), w.bucket, "config/cofre.yaml", strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

// secretsOf is Secrets Manager, which lets these secrets be read and no others, and gives its URL.
func secretsOf(t testing.TB, held map[string]string) string {
	manager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ SecretId string }
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		value, may := "", false
		if json.NewDecoder(r.Body).Decode(&asked) == nil {
			value, may = held[asked.SecretId]
		}
		if !may {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]string{"__type": "AccessDeniedException"})
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"SecretString": value})
	}))
	t.Cleanup(manager.Close)
	return manager.URL
}
