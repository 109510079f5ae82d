// Package functions_test runs the functions as Lambda does: their zips, under Lambda's own runtime interface emulator, in a
// root that holds nothing else, against a real PostgreSQL and a real S3 server.
package functions_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"cofre/internal/testenv"
)

const sample = `
CREATE TABLE customer (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
INSERT INTO customer (name) SELECT 'customer ' || g FROM generate_series(1, 2000) g;
`

// world is a bucket and a database, and the environment of functions that use them.
type world struct {
	t        testing.TB
	bucket   string
	database string
	env      []string
}

func newWorld(t testing.TB, more ...string) *world {
	t.Helper()
	s3 := testenv.MinIO(t)
	w := &world{t: t, bucket: s3.NewBucket(t), database: testenv.Postgres(t, testenv.NewestMajor).NewDatabase(t)}
	testenv.LoadSQL(t, w.database, sample)
	w.env = append(s3.Env(), "BACKUP_DIRECTORY=s3://"+w.bucket+"/backups", "DATABASE_URL="+w.database, "BACKUP_CONNECT_RETRIES=0")
	w.env = append(w.env, more...)
	return w
}

func (w *world) start(name string, more ...string) *function {
	w.t.Helper()
	return start(w.t, name, append(w.env[:len(w.env):len(w.env)], more...)...)
}

// outcome is what a function says of a backup.
type outcome struct {
	ID, Status, Database, File string
	Size                       int64
	Error                      struct{ Code, Reason, Message string }
}

// list gives the backups on record.
func (w *world) list(f *function) []outcome {
	w.t.Helper()
	var page struct{ Backups []outcome }
	e := strings.ReplaceAll(string(event(w.t, "list", "")), "status=success&", "")
	f.invoke([]byte(e)).http(200, &page)
	return page.Backups
}

// Each function answers its events: the whole life of a backup, from the schedule to its removal.
func TestLifeOfABackup(t *testing.T) {
	w := newWorld(t)
	create, list := w.start("create"), w.start("list")

	var made outcome
	create.invoke(event(t, "create-schedule", "")).into(&made)
	if made.Status != "success" || made.Size == 0 || made.Database == "" {
		t.Fatalf("the schedule made %+v", made)
	}
	if log := create.log.String(); !strings.Contains(log, `"BackupSuccess":1`) || !strings.Contains(log, `"invocation_id":`) || !strings.Contains(log, made.ID) {
		t.Errorf("the log lacks ids or metrics")
	}
	var asked outcome
	if headers := create.invoke(event(t, "create", "")).http(202, &asked); headers["Location"] != "/api/backup/status/"+asked.ID {
		t.Errorf("the answer's headers are %v", headers)
	}
	if all := w.list(list); len(all) != 2 || all[0].ID != asked.ID || all[1].ID != made.ID || all[0].Status != "success" {
		t.Errorf("the list is %+v", all)
	}
	var one outcome
	list.invoke(event(t, "list-info", made.ID)).http(200, &one)
	list.invoke(event(t, "list-session", "")).http(200, nil)
	w.start("status").invoke(event(t, "status", made.ID)).http(200, &one)

	var link struct {
		URL, Checksum string
		Size          int64
	}
	download := w.start("download")
	download.invoke(event(t, "download", made.ID)).http(200, &link)
	if got := fetch(t, link.URL); got != link.Checksum || link.Checksum == "" {
		t.Errorf("what the link gives has the SHA-256 %s, the record %s", got, link.Checksum)
	}
	if signature := link.URL[strings.Index(link.URL, "X-Amz-Signature="):]; strings.Contains(download.log.String(), signature) {
		t.Error("the link is in the log")
	}

	var checked struct{ Valid bool }
	if w.start("validate").invoke(event(t, "validate", made.ID)).http(200, &checked); !checked.Valid {
		t.Error("the backup is not valid")
	}
	if create.invoke(event(t, "create-validate", made.ID)).into(&checked); !checked.Valid {
		t.Error("the backup is not valid, says the workflow's step")
	}
	w.start("cancel").invoke(event(t, "cancel", made.ID)).http(409, nil)
	w.start("prove").invoke(event(t, "prove", made.ID)).http(409, nil) // without a workflow
	var restores struct{ Restores []any }
	restore := w.start("restore")
	if restore.invoke(event(t, "restore-list", "")).http(200, &restores); restores.Restores == nil || len(restores.Restores) != 0 {
		t.Errorf("the restores are %v", restores)
	}
	restore.invoke(event(t, "restore-targets", "")).http(200, nil)
	restore.invoke(event(t, "restore", made.ID)).http(422, nil) // neither
	w.start("plan").invoke(event(t, "plan", made.ID)).http(422, nil)
	w.start("switch").invoke(event(t, "switch", "")).http(422, nil)
	w.start("metrics").invoke(event(t, "metrics", "")).http(200, nil)
	var trail struct {
		Records []struct{ Actor, Action, Resource string }
	}
	w.start("audit").invoke(event(t, "audit", "")).http(200, &trail)
	if !slices.ContainsFunc(trail.Records, func(r struct{ Actor, Action, Resource string }) bool {
		return r.Actor == "schedule" && r.Action == "create" && r.Resource == made.ID
	}) {
		t.Errorf("the audit trail lacks what the schedule did: %+v", trail)
	}
	w.start("health").invoke(event(t, "health", "")).http(200, nil)
	settings := w.start("settings")
	settings.invoke(event(t, "settings-put", "")).http(200, nil)
	settings.invoke(event(t, "settings", "")).http(200, nil)

	cleanup := w.start("cleanup")
	var report struct{ DryRun bool }
	if cleanup.invoke(event(t, "cleanup", "")).http(200, &report); !report.DryRun {
		t.Error("the cleanup was none of those that only look")
	}
	var swept struct{ Kept int }
	cleanup.invoke(event(t, "cleanup-schedule", "")).into(&swept)
	if log := cleanup.log.String(); swept.Kept != 2 || !strings.Contains(log, `"LastGoodBackupAge":`) || !strings.Contains(log, `"StorageUsed":`) {
		t.Errorf("the cleanup kept %d, or wrote no gauges", swept.Kept)
	}
	remove := w.start("delete")
	remove.invoke(event(t, "delete-pin", made.ID)).http(200, nil)
	remove.invoke(event(t, "delete", made.ID)).http(409, nil)
	remove.invoke(event(t, "delete-unpin", made.ID)).http(200, nil)
	remove.invoke(event(t, "delete", made.ID)).http(200, nil)
	if all := w.list(list); len(all) != 1 || all[0].ID != asked.ID {
		t.Errorf("after the removal the list is %+v", all)
	}
}

// asking is a request of an administrator.
func asking(t *testing.T, method, path, body string) []byte {
	t.Helper()
	var e map[string]any
	if err := json.Unmarshal(event(t, "settings-put", ""), &e); err != nil {
		t.Fatal(err)
	}
	e["routeKey"], e["rawPath"], e["body"] = method+" "+path, path, body
	ask := e["requestContext"].(map[string]any)["http"].(map[string]any)
	ask["method"], ask["path"] = method, path
	data, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// What is made over the API is known by the key that a secret holds: one function keeps a source with its connection, and another one backs it up; without
// the key neither does. A channel tells the topic that the stack names, and none that it does not.
func TestSettingsMadeOverTheAPI(t *testing.T) {
	const arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:cofre/server-key-AbCdEf"
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	messages := testenv.Messaging(t)
	queue := messages.NewQueue(t, "functions")
	topic := messages.NewTopic(t, "functions", queue, "")
	w := newWorld(t, "AWS_ENDPOINT_URL_SECRETS_MANAGER="+secretsOf(t, map[string]string{arn: id.String()}), "AWS_ENDPOINT_URL_SNS="+testenv.Store(t, "moto").Endpoint, "BACKUP_CHANNEL_ARNS="+topic+",")
	source := fmt.Sprintf(`{"settings": {"name": "made"}, "connection": {"url": %q}}`, w.database)
	create := asking(t, "POST", "/api/backup/create", `{"options": {"source": "made"}}`)
	w.start("settings").invoke(asking(t, "POST", "/api/source/create", source)).http(409, nil)

	settings := w.start("settings", "BACKUP_SERVER_KEY="+arn)
	settings.invoke(asking(t, "POST", "/api/source/create", source)).http(201, nil)
	var made outcome
	if w.start("create", "BACKUP_SERVER_KEY="+arn).invoke(create).http(202, &made); made.ID == "" {
		t.Errorf("%+v", made)
	}
	w.start("create").invoke(create).http(409, nil) // without the key

	channel := `{"settings": {"name": "alerts", "kind": "sns", "topic": "` + topic + `"}}`
	settings.invoke(asking(t, "POST", "/api/channel/create", strings.Replace(channel, ":functions", ":others", 1))).http(422, nil)
	settings.invoke(asking(t, "POST", "/api/channel/create", channel)).http(201, nil)
	var sent struct{ Sent bool }
	settings.invoke(asking(t, "POST", "/api/channel/test/alerts", "")).http(200, &sent)
	if got := queue.Receive(t); !sent.Sent || len(got) != 1 {
		t.Errorf("the topic was told %q", got)
	}
}

// The layer has a client for each of the servers' majors, where a newer one's files cannot be read by the server's own
// pg_restore.
func TestClientOfTheServersMajor(t *testing.T) {
	for _, major := range []int{15, 17} {
		database := testenv.Postgres(t, major).NewDatabase(t)
		testenv.LoadSQL(t, database, sample)
		w := newWorld(t, "DATABASE_URL="+database, fmt.Sprintf("PGDUMP_PATH=/opt/pg_dump/%d/bin", major))
		var made, link struct{ Status, ID, URL string }
		w.start("create").invoke(event(t, "create-schedule", "")).into(&made)
		w.start("download").invoke(event(t, "download", made.ID)).http(200, &link)
		file := filepath.Join(t.TempDir(), "backup.dump")
		if err := os.WriteFile(file, get(t, link.URL), 0o600); err != nil {
			t.Fatal(err)
		}
		list, err := exec.Command(filepath.Join(testenv.ClientBin(major), "pg_restore"), "--list", file).CombinedOutput()
		if version := fmt.Sprintf("Dumped by pg_dump version: %d.", major); err != nil || !strings.Contains(string(list), version) {
			t.Errorf("stock pg_restore %d: %v\n%s", major, err, list)
		}
	}
}

// fetch gives the SHA-256 of what a link gives.
func fetch(t *testing.T, url string) string {
	t.Helper()
	sum := sha256.Sum256(get(t, url))
	return hex.EncodeToString(sum[:])
}

// get gives what a link gives.
func get(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return data
}

// F11: the same event delivered twice, at once to two processes and again later, makes one backup. Another one makes
// another.
func TestDeliveredTwice(t *testing.T) {
	w := newWorld(t)
	functions := []*function{w.start("create"), w.start("create")}
	made := make([]outcome, 4)
	var both sync.WaitGroup
	for i, f := range functions {
		both.Go(func() { f.invoke(event(t, "create-schedule", "")).into(&made[i]) })
	}
	both.Wait()
	for i, f := range functions {
		f.invoke(event(t, "create-schedule", "")).into(&made[2+i])
	}
	for i, m := range made {
		if m.ID != made[0].ID || m.Status != "success" {
			t.Errorf("delivery %d gave %+v, the first %+v", i, m, made[0])
		}
	}
	var other outcome
	functions[0].invoke([]byte(strings.ReplaceAll(string(event(t, "create-schedule", "")), "T02:00:00Z", "T03:00:00Z"))).into(&other)
	if all := w.list(w.start("list")); len(all) != 2 || other.ID == made[0].ID {
		t.Errorf("two events gave %d backups", len(all))
	}
}

// Each function knows its own operations and no others.
func TestOtherOperationsAreUnknown(t *testing.T) {
	w := newWorld(t)
	list := w.start("list")
	for _, other := range []string{"create", "download", "cleanup", "health"} {
		list.invoke(event(t, other, "")).http(404, nil)
	}
	if headers := list.invoke(event(t, "delete", "")).http(405, nil); headers["Allow"] != "GET" { // it has that path for another method
		t.Errorf("the methods are said to be %q", headers["Allow"])
	}
	list.invoke(event(t, "cleanup-schedule", "")).failed("ValidationError")
	list.invoke(task("run", sampleID)).failed("ValidationError")
	list.invoke([]byte(`{"Records":[]}`)).failed("ValidationError")
	list.invoke([]byte(`[]`)).failed("ValidationError")
	no := string(event(t, "list", ""))
	_, payload, _ := strings.Cut(no, "Bearer ")
	payload = strings.Split(payload, ".")[1]
	claims, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	other := base64.RawURLEncoding.EncodeToString(bytes.ReplaceAll(claims, []byte("ADMIN"), []byte("USUARIO")))
	no = strings.ReplaceAll(strings.ReplaceAll(no, payload, other), "[ADMIN]", "[USUARIO]")
	list.invoke([]byte(no)).http(403, nil)
}

// What is wrong with the settings is told to whoever invokes, and to callers of the API only that something is.
func TestWrongSettings(t *testing.T) {
	w := newWorld(t)
	for env, want := range map[string]string{
		"BACKUP_DIRECTORY=/srv/backups":     "BACKUP_DIRECTORY is a local directory",
		"BACKUP_MAX_CONCURRENT=many":        "BACKUP_MAX_CONCURRENT has an invalid value",
		"BACKUP_WORKFLOW_ARN=arn:aws:s3:::": "BACKUP_WORKFLOW_ARN is no ARN",
	} {
		f := w.start("create", env)
		if got := f.invoke(event(t, "create-schedule", "")).failed("ValidationError"); !strings.Contains(got, want) {
			t.Errorf("%s: %s", env, got)
		}
		var problem map[string]any
		f.invoke(event(t, "create", "")).http(500, &problem)
		if text := problem["detail"].(string); strings.Contains(text, "BACKUP_") || problem["requestId"] == "" {
			t.Errorf("%s: %v", env, problem)
		}
	}
}
