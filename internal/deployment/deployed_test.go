package deployment

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"cofre/internal/testenv"
)

// TestDeployed makes a backup as users and schedules do, and then does to it what the API offers, each function with no more rights than the
// template gives it.
func TestDeployed(t *testing.T) {
	d := deploy(t, false)
	d.kms = testenv.KMS(t)
	d.signing = d.kms.NewKey(t, "ECC_NIST_P256", "SIGN_VERIFY")
	d.trusted = d.kms.PublicKey(t, d.signing)
	made := d.api("create", "POST", "/api/backup/create", "", 202)
	id := text(made["id"])
	if o := d.follow(id); o.status != "SUCCEEDED" || !slices.Contains(o.states, "RunInLambda") {
		t.Fatalf("the workflow ended as %+v", o)
	}
	if b := d.api("list", "GET", "/api/backup/"+id, "", 200); b["status"] != "success" {
		t.Fatalf("the backup is %v", b)
	}
	if s := d.api("status", "GET", "/api/backup/status/"+id, "", 200); s["status"] != "completed" {
		t.Errorf("its status is %v", s)
	}
	link := d.api("download", "GET", "/api/backup/download/"+id, "", 200)
	if sum := fetch(t, text(link["url"])); sum != link["checksum"] {
		t.Errorf("the link gives a file with the SHA-256 %s, and says %v", sum, link["checksum"])
	}
	if v := d.api("validate", "POST", "/api/backup/validate/"+id, "", 200); v["valid"] != true {
		t.Errorf("it is not valid: %v", v)
	}
	d.api("settings", "PUT", "/api/backup/settings", `{"maxBackups": 5, "retentionDays": 30, "defaultDirectory": ""}`, 200)
	d.api("metrics", "GET", "/api/metrics/summary", "", 200)
	if h := d.api("health", "GET", "/api/health", "", 200); h["status"] != "ok" {
		t.Errorf("health is %v", h)
	}
	// Each function so far has written to the trail.
	records, _ := d.api("audit", "GET", "/api/audit?limit=200", "", 200)["records"].([]any)
	seen := map[string]bool{}
	for _, r := range records {
		seen[text(r.(object)["action"])] = true
	}
	if len(seen) < 7 {
		t.Errorf("the audit trail knows only %v", seen)
	}
	d.api("list", "GET", "/api/session", "", 200)

	// The schedule: the same event twice makes one backup.
	due := object{"detail-type": "Scheduled Event", "id": "1", "time": "2026-11-23T02:00:00Z", "resources": []string{"arn:aws:scheduler:eu-west-1:123456789012:schedule/default/cofre-backup"}}
	var ids []string
	for range 2 {
		out, f := invoke(t, "create", d.env("CreateRole"), due)
		if f != nil {
			t.Fatalf("the scheduled event: %+v", f)
		}
		ids = append(ids, text(out["id"]))
		d.follow(ids[0])
	}
	if ids[0] == id || ids[0] != ids[1] {
		t.Errorf("the schedule made %v", ids)
	}

	// One that waits for its start can be canceled; so can the workflow see that.
	out, f := invoke(t, "create", d.env("CreateRole"), object{"action": "reserve", "key": "k"})
	if f != nil {
		t.Fatalf("reserve: %+v", f)
	}
	waiting := text(out["id"])
	d.api("cancel", "POST", "/api/backup/cancel/"+waiting, "", 202)
	if o := d.cloud.start(t, d.cloud.definition(t, 60, true), object{"id": waiting}).wait(); o.states[len(o.states)-1] != "Canceled" {
		t.Errorf("the workflow of a canceled backup ended as %+v", o)
	}

	d.api("delete", "DELETE", "/api/backup/"+id, "", 200)
	d.api("cleanup", "POST", "/api/backup/cleanup", "", 200)
	if _, f := invoke(t, "cleanup", d.env("CleanupRole"), due); f != nil {
		t.Errorf("the scheduled cleanup: %+v", f)
	}
	if _, f := invoke(t, "metrics", d.env("MetricsRole"), due); f != nil {
		t.Errorf("the scheduled measuring: %+v", f)
	}
	d.api("list", "GET", "/api/backup/"+id, "", 404)
	d.refusals(ids[0])
}

// refusals tries what the roles may not.
func (d *deployed) refusals(id string) {
	ctx := context.Background()
	client := func(role string) *minio.Client {
		k := d.role(role)
		c, err := minio.New(strings.TrimPrefix(d.minio.Endpoint, "http://"), &minio.Options{Creds: credentials.NewStaticV4(k.AccessKeyID, k.SecretAccessKey, k.SessionToken), Region: testenv.Region})
		if err != nil {
			d.Fatal(err)
		}
		return c
	}
	refused := func(what string, err error) {
		d.Helper()
		if minio.ToErrorResponse(err).Code != "AccessDenied" {
			d.Errorf("%s: %v", what, err)
		}
	}
	put := func(role, key string) error {
		_, err := client(role).PutObject(ctx, d.bucket, key, strings.NewReader("x"), 1, minio.PutObjectOptions{})
		return err
	}
	for _, key := range []string{"files/x", "manifests/x.json", "registry.json", "intents/x.json"} {
		refused("List writes "+key, put("ListRole", key))
		refused("Download writes "+key, put("DownloadRole", key))
	}
	for o := range client("DownloadRole").ListObjects(ctx, d.bucket, minio.ListObjectsOptions{Prefix: "files/", Recursive: true}) {
		refused("Download lists files", o.Err)
	}
	for _, role := range []string{"CreateRole", "ListRole", "DownloadRole", "CancelRole", "HealthRole", "SettingsRole", "ValidateRole"} {
		refused(role+" deletes a manifest", client(role).RemoveObject(ctx, d.bucket, "manifests/"+id+".json", minio.RemoveObjectOptions{}))
		refused(role+" deletes the trail", client(role).RemoveObject(ctx, d.bucket, "audit/head.json", minio.RemoveObjectOptions{}))
		if role != "CreateRole" {
			refused(role+" deletes a file", client(role).RemoveObject(ctx, d.bucket, "files/x", minio.RemoveObjectOptions{}))
		}
	}
	_, err := client("ListRole").StatObject(ctx, d.bucket, "files/x", minio.StatObjectOptions{})
	refused("List reads a file", err)
}

// TestDeployedWithoutRoom: whoever makes backups may not remove any. Where the quota is full he is refused, and changes nothing, until
// the cleanup has made room. Where a dead run takes the only place, he ends that, whatever else lies about that only others may settle.
func TestDeployedWithoutRoom(t *testing.T) {
	d := deploy(t, false)
	d.more = []string{"BACKUP_MAX_BACKUPS_TO_KEEP=1", "BACKUP_MAX_CONCURRENT=1"}
	made := func() string {
		id := text(d.api("create", "POST", "/api/backup/create", "", 202)["id"])
		if o := d.follow(id); o.status != "SUCCEEDED" {
			t.Fatalf("the workflow ended as %+v", o)
		}
		return id
	}
	first, second := made(), made()
	size := d.api("list", "GET", "/api/backup/"+first, "", 200)["size"].(float64)
	d.more = append(d.more, fmt.Sprintf("BACKUP_MAX_STORAGE_SIZE_GB=%.9f", size*1.5/(1<<30)))
	before := d.object("registry.json")
	if p := d.api("create", "POST", "/api/backup/create", "", 507); p["reason"] != "storage_full" {
		t.Errorf("a full quota is answered with %v", p)
	}
	if after := d.object("registry.json"); after != before {
		t.Errorf("the registry changed:\n%s\n%s", before, after)
	}
	d.api("list", "GET", "/api/backup/"+first, "", 200)
	d.api("cleanup", "POST", "/api/backup/cleanup", "", 200)
	d.api("list", "GET", "/api/backup/"+first, "", 404)

	out, f := invoke(t, "create", d.env("CreateRole"), object{"action": "reserve", "key": "k"})
	if f != nil {
		t.Fatalf("reserve: %+v", f)
	}
	dead := text(out["id"])
	d.api("create", "POST", "/api/backup/create", "", 429)
	over := func(text string) string {
		return regexp.MustCompile(`"leaseMs": \d+`).ReplaceAllString(text, `"leaseMs": -60000`)
	}
	intent := over(d.object("intents/" + dead + ".json"))
	d.put("intents/"+dead+".json", intent)
	record := d.object("manifests/" + second + ".json")
	record = record[strings.Index(record, `"backup": {`):strings.LastIndex(record, "}")]
	record = record[:strings.Index(record, `"layout"`)]
	for key, content := range map[string]string{
		"removals/" + second + ".json":                    `{"version": 1, "kind": "remove", "by": "ana", "admitted": true, "undecided": true, "leaseMs": -60000, "token": "t", ` + strings.TrimRight(record, ", \n") + `}`,
		"contents/" + first + ".jsonl.zst":                "orphan",
		"manifests/" + first + ".json.sig":                "orphan",
		"registry/" + first + "-" + second + "-x.json.gz": "orphan",
		"status/" + first + ".json":                       "{}",
	} {
		d.put(key, content)
	}
	time.Sleep(3 * time.Second) // the lease is over a step of the service's clock later
	third := made()
	if b := d.api("list", "GET", "/api/backup/"+dead, "", 200); b["status"] != "failed" {
		t.Errorf("the dead run is %v", b)
	}
	d.api("list", "GET", "/api/backup/"+second, "", 200)
	d.api("list", "GET", "/api/backup/"+third, "", 200)
}

// object returns an object of the bucket, as its owner.
func (d *deployed) object(key string) string {
	d.Helper()
	o, err := d.owner().GetObject(context.Background(), d.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		d.Fatal(err)
	}
	defer o.Close()
	data, err := io.ReadAll(o)
	if err != nil {
		d.Fatalf("%s: %v", key, err)
	}
	return string(data)
}

// put writes one, as its owner.
func (d *deployed) put(key, content string) {
	d.Helper()
	if _, err := d.owner().PutObject(context.Background(), d.bucket, key, strings.NewReader(content), int64(len(content)), minio.PutObjectOptions{}); err != nil {
		d.Fatal(err)
	}
}

func (d *deployed) owner() *minio.Client {
	d.Helper()
	c, err := minio.New(strings.TrimPrefix(d.minio.Endpoint, "http://"), &minio.Options{Creds: credentials.NewStaticV4(d.minio.AccessKey, d.minio.SecretKey, ""), Region: testenv.Region})
	if err != nil {
		d.Fatal(err)
	}
	return c
}

// TestDeployedContainer makes a large backup, by the program of the container.
func TestDeployedContainer(t *testing.T) {
	d := deploy(t, true)
	id := text(d.api("create", "POST", "/api/backup/create", "", 202)["id"])
	if o := d.follow(id); o.status != "SUCCEEDED" || !slices.Contains(o.states, "RunInContainer") {
		t.Errorf("the workflow ended as %+v", o)
	}
	if b := d.api("list", "GET", "/api/backup/"+id, "", 200); b["status"] != "success" {
		t.Errorf("the backup is %v", b)
	}
}

// staging is the ARN of a secret whose name begins as those of the stack's targets do.
const staging = "arn:aws:secretsmanager:us-east-1:123456789012:secret:cofre/cofre/staging-AbCdEf"

// targets are restores' own server, and two that cannot be reached: one whose secret is another stack's, one whose secret is not there.
const targets = `targets:
  - name: staging
    connection: {secret: "` + staging + `"}
    allow: [new, replace, switch]
  - name: foreign
    connection: {secret: "arn:aws:secretsmanager:us-east-1:123456789012:secret:cofre/other/staging-AbCdEf"}
  - name: gone
    connection: {secret: "arn:aws:secretsmanager:us-east-1:123456789012:secret:cofre/cofre/gone-AbCdEf"}
channels:
  - name: hook
    kind: webhook
    where: {secret: "` + hook + `"}
    severity: info
`

// hook is the ARN of a secret whose name begins as those of the stack's channels do.
const hook = "arn:aws:secretsmanager:us-east-1:123456789012:secret:cofre/cofre/channels/hook-AbCdEf"

// settled waits until a restore has ended, and gives its record.
func (d *deployed) settled(id string) object {
	d.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		x := d.api("restore", "GET", "/api/restore/status/"+id, "", 200)
		if state := text(x["state"]); state != "reserved" && state != "running" {
			return x
		}
		if time.Now().After(end) {
			d.Fatalf("the restore does not end: %v", x)
		}
	}
}

// TestDeployedCopy has a backup copied once it is made, and what is late by the look that begins what is due. The container may read here and
// write there, and the copy is a whole one.
func TestDeployedCopy(t *testing.T) {
	d := deploy(t, false)
	place := "s3://" + d.second + "/cofre"
	d.more = []string{"BACKUP_COPIES=" + place, "BACKUP_COPY_WORKFLOW_ARN=" + d.copies}
	id := text(d.api("create", "POST", "/api/backup/create", "", 202)["id"])
	if o := d.follow(id); o.status != "SUCCEEDED" {
		t.Fatalf("the workflow ended as %+v", o)
	}
	if o := d.followIn(d.copies, "copy-"+id); o.status != "SUCCEEDED" {
		t.Fatalf("copying ended as %+v", o)
	}
	for range 2 {
		if _, f := invoke(t, "create", d.env("CreateRole"), object{"action": "due"}); f != nil {
			t.Fatalf("what is due: %+v", f)
		}
	}
	names := d.executions(d.copies)
	if len(names) < 2 || len(names) > 3 { // three where the hour has ended meanwhile
		t.Fatalf("copying was begun as %v", names)
	}
	for _, name := range names {
		if o := d.followIn(d.copies, name); o.status != "SUCCEEDED" {
			t.Errorf("%s ended as %+v", name, o)
		}
	}
	if v := d.api("health", "GET", "/api/health", "", 200); v["status"] != "ok" {
		t.Errorf("health is %v", v)
	}
	d.more = []string{"BACKUP_DIRECTORY=" + place}
	d.role("CopyTaskRole")
	d.keys["ListRole"] = credentials.Value{AccessKeyID: d.minio.AccessKey, SecretAccessKey: d.minio.SecretKey} // somebody who has nothing but the second location
	if b := d.api("list", "GET", "/api/backup/"+id, "", 200); b["status"] != "success" {
		t.Errorf("the copy is %v", b)
	}
}

// TestDeployedRestore restores as users do, into a target whose connection only the container can read.
func TestDeployedRestore(t *testing.T) {
	d := deploy(t, false)
	id := text(d.api("create", "POST", "/api/backup/create", "", 202)["id"])
	if o := d.follow(id); o.status != "SUCCEEDED" {
		t.Fatalf("the workflow ended as %+v", o)
	}
	d.put(configuration, targets)
	d.held[staging], d.held[hook] = d.database, "https://127.0.0.1:1/hidden"
	d.held[strings.Replace(staging, "cofre/cofre", "cofre/other", 1)] = d.database
	order := func(target, database, more string) string {
		return fmt.Sprintf(`{"backup": %q, "target": %q, "database": %q%s}`, id, target, database, more)
	}
	name := "restored_" + strings.ToLower(id)
	if all, _ := d.api("restore", "GET", "/api/restore/targets", "", 200)["targets"].([]any); len(all) != 3 {
		t.Errorf("the targets are %v", all)
	}
	if plan := d.api("plan", "POST", "/api/restore/plan", order("staging", name, ""), 200); plan["ready"] != true || plan["exists"] != false || text(plan["role"]) == "" {
		t.Errorf("the plan is %v", plan)
	}
	d.api("plan", "POST", "/api/restore/plan", order("foreign", name, ""), 500) // which is for whoever runs it to put right
	restore := text(d.api("restore", "POST", "/api/restore/create", order("staging", name, ""), 202)["id"])
	if o := d.followIn(d.restores, restore); o.status != "SUCCEEDED" || !slices.Contains(o.states, "Restore") {
		t.Fatalf("the workflow ended as %+v", o)
	}
	if x := d.api("restore", "GET", "/api/restore/status/"+restore, "", 200); x["state"] != "succeeded" || x["halfFilled"] == true {
		t.Errorf("the record says %v", x)
	}
	conn, err := pgx.Connect(t.Context(), d.database[:strings.LastIndex(d.database, "/")+1]+name)
	if err != nil {
		t.Fatal(err)
	}
	var rows int
	err = conn.QueryRow(t.Context(), "SELECT count(*) FROM orders").Scan(&rows)
	conn.Close(t.Context())
	if err != nil || rows != 5000 {
		t.Errorf("%d rows came back: %v", rows, err)
	}
	if list, _ := d.api("restore", "GET", "/api/restore/list", "", 200)["restores"].([]any); len(list) != 1 {
		t.Errorf("the list is %v", list)
	}
	if b := d.api("list", "GET", "/api/backup/"+id, "", 200); !strings.Contains(fmt.Sprint(b["verifications"], b["verification"]), "restored") {
		t.Errorf("the backup is not said to have been restored: %v", b)
	}
	if plan := d.api("plan", "POST", "/api/restore/plan", order("staging", name, ""), 200); plan["ready"] != false || plan["exists"] != true {
		t.Errorf("the plan is %v", plan)
	}
	// What is there already is left alone, and replaced only when its name is repeated.
	again := text(d.api("restore", "POST", "/api/restore/create", order("staging", name, ""), 202)["id"])
	if o := d.followIn(d.restores, again); o.error != "RestoreFailed" {
		t.Errorf("the workflow ended as %+v", o)
	}
	d.api("restore", "POST", "/api/restore/create", order("staging", name, `, "mode": "replace"`), 422)
	replaced := text(d.api("restore", "POST", "/api/restore/create", order("staging", name, fmt.Sprintf(`, "mode": "replace", "confirm": %q`, name)), 202)["id"])
	if o := d.followIn(d.restores, replaced); o.status != "SUCCEEDED" {
		t.Errorf("the workflow ended as %+v", o)
	}
	taken := fmt.Sprintf(`{"target": "staging", "from": %q, "database": %q, "restore": %q}`, name, name+"_now", restore)
	if done := d.api("switch", "POST", "/api/restore/switch", taken, 200); done["database"] != name+"_now" || done["kept"] != nil {
		t.Errorf("switched as %v", done)
	}
	if x := d.api("restore", "GET", "/api/restore/status/"+restore, "", 200); x["switched"] == nil {
		t.Errorf("the record says %v", x)
	}
	d.api("switch", "POST", "/api/restore/switch", strings.Replace(taken, "staging", "gone", 1), 422) // which does not allow it
	// Targets that are not named, and secrets that the role may not read or that are not there.
	d.api("restore", "POST", "/api/restore/create", order("production", "x", ""), 422)
	for target, reason := range map[string]string{"foreign": "access_denied", "gone": "not_found"} {
		refused := text(d.api("restore", "POST", "/api/restore/create", order(target, "x", ""), 202)["id"])
		if o := d.followIn(d.restores, refused); o.error != "RestoreFailed" {
			t.Errorf("%s: the workflow ended as %+v", target, o)
		}
		x := d.settled(refused)
		if e, _ := x["error"].(object); x["state"] != "failed" || e["reason"] != reason {
			t.Errorf("%s: the record says %v", target, x)
		}
	}
	d.api("cleanup", "POST", "/api/backup/cleanup", "", 200)
	d.people()
	d.restoreRefusals(id)
}

// people looks whether what happened is kept by whoever did it, and told by the function that looks every half hour: as far as it may lead.
func (d *deployed) people() {
	d.Helper()
	d.more = append(d.more, "BACKUP_CONFIG=s3://"+d.bucket+"/"+configuration) // as the functions that tell have
	d.api("settings", "PUT", "/api/backup/settings", `{"maxBackups": 5, "retentionDays": 30, "defaultDirectory": ""}`, 200)
	if _, f := invoke(d.T, "metrics", d.env("MetricsRole"), object{}); f != nil {
		d.Errorf("the scheduled measuring: %+v", f)
	}
	seen := map[string]bool{}
	events, _ := d.api("settings", "GET", "/api/event/list", "", 200)["events"].([]any)
	for _, e := range events {
		seen[text(e.(object)["kind"])] = true
	}
	if !seen["restore_ended"] || !seen["restore_failed"] || !seen["settings_changed"] {
		d.Errorf("kept were %v", seen)
	}
	channels, _ := d.api("settings", "GET", "/api/channel/list", "", 200)["channels"].([]any)
	if len(channels) != 1 {
		d.Fatalf("the channels are %v", channels)
	}
	if c := channels[0].(object); c["failures"] != 1.0 || !strings.Contains(text(c["lastError"]), "an address of this machine") {
		d.Errorf("the channels are %v", channels)
	}
	if sent := d.api("settings", "POST", "/api/channel/test/hook", "", 200); sent["sent"] != false || strings.Contains(fmt.Sprint(sent), "hidden") {
		d.Errorf("a test says %v", sent)
	}
}

// restoreRefusals tries what the roles of restores and proofs may not.
func (d *deployed) restoreRefusals(id string) {
	for _, role := range []string{"RestoreRole", "PlanRole", "SwitchRole", "RestoreTaskRole", "ProveRole"} {
		k := d.role(role)
		c, err := minio.New(strings.TrimPrefix(d.minio.Endpoint, "http://"), &minio.Options{Creds: credentials.NewStaticV4(k.AccessKeyID, k.SecretAccessKey, k.SessionToken), Region: testenv.Region})
		if err != nil {
			d.Fatal(err)
		}
		for _, key := range []string{configuration, "files/x", "manifests/" + id + ".json", "intents/x.json", "settings.json", "contents/x.jsonl.zst", "removals/x.json"} {
			if _, err := c.PutObject(context.Background(), d.bucket, key, strings.NewReader("x"), 1, minio.PutObjectOptions{}); minio.ToErrorResponse(err).Code != "AccessDenied" {
				d.Errorf("%s writes %s: %v", role, key, err)
			}
		}
		for _, key := range []string{"manifests/" + id + ".json", "audit/head.json", "registry.json"} {
			if err := c.RemoveObject(context.Background(), d.bucket, key, minio.RemoveObjectOptions{}); minio.ToErrorResponse(err).Code != "AccessDenied" {
				d.Errorf("%s deletes %s: %v", role, key, err)
			}
		}
	}
}

// TestDeployedRestoreDies: a container that cannot be started, or is killed, leaves no record that says it goes on.
func TestDeployedRestoreDies(t *testing.T) {
	d := deploy(t, false)
	id := text(d.api("create", "POST", "/api/backup/create", "", 202)["id"])
	d.follow(id)
	d.put(configuration, targets)
	d.held[staging] = d.database
	body := fmt.Sprintf(`{"backup": %q, "target": "staging", "database": "never_made"}`, id)

	makes := d.cloud.container
	d.cloud.container = func([]string, <-chan struct{}) int { return 1 }
	restore := text(d.api("restore", "POST", "/api/restore/create", body, 202)["id"])
	if o := d.followIn(d.restores, restore); o.error != "RestoreFailed" || !strings.Contains(o.cause, "not_started") {
		t.Errorf("the workflow ended as %+v", o)
	}
	x := d.api("restore", "GET", "/api/restore/status/"+restore, "", 200)
	if e, _ := x["error"].(object); x["state"] != "failed" || e["reason"] != "not_started" || x["halfFilled"] == true {
		t.Errorf("the record says %v", x)
	}

	// Killed: the record says that it runs, and its lease is over.
	d.cloud.container = func(args []string, _ <-chan struct{}) int {
		key := "restores/" + args[1] + ".json"
		record := regexp.MustCompile(`"leaseMs": \d+`).ReplaceAllString(d.object(key), `"leaseMs": -60000, "runner": "01JZ8Q4M9T4Y3V6K2W1X0N5BCD", "phase": "restoring"`)
		d.put(key, strings.Replace(record, `"state": "reserved"`, `"state": "running"`, 1))
		return 137
	}
	killed := text(d.api("restore", "POST", "/api/restore/create", body, 202)["id"])
	if o := d.followIn(d.restores, killed); o.error != "RestoreFailed" || !strings.Contains(o.cause, "interrupted") {
		t.Errorf("the workflow ended as %+v", o)
	}
	if x := d.api("restore", "GET", "/api/restore/status/"+killed, "", 200); x["state"] != "interrupted" || x["halfFilled"] != true {
		t.Errorf("the record says %v", x)
	}

	// Somebody writes another database into the record while the container starts: nothing is restored.
	d.cloud.container = func(args []string, stop <-chan struct{}) int {
		key := "restores/" + args[1] + ".json"
		d.put(key, strings.Replace(d.object(key), `"never_made"`, `"somewhere_else"`, 1))
		return makes(args, stop)
	}
	changed := text(d.api("restore", "POST", "/api/restore/create", body, 202)["id"])
	if o := d.followIn(d.restores, changed); o.error != "RestoreFailed" || !strings.Contains(o.cause, "does not say any more what was asked for") {
		t.Errorf("the workflow ended as %+v", o)
	}

	// Canceled before it begins: the container finds nothing to do, and nobody is alarmed.
	d.cloud.container = func(args []string, stop <-chan struct{}) int {
		d.api("restore", "POST", "/api/restore/cancel/"+args[1], "", 202)
		return makes(args, stop)
	}
	canceled := text(d.api("restore", "POST", "/api/restore/create", body, 202)["id"])
	if o := d.followIn(d.restores, canceled); o.states[len(o.states)-1] != "Canceled" {
		t.Errorf("the workflow ended as %+v", o)
	}
	if x := d.api("restore", "GET", "/api/restore/status/"+canceled, "", 200); x["state"] != "canceled" {
		t.Errorf("the record says %v", x)
	}
}

// TestDeployedProof proves a backup on request and by schedule: the same occasion once, however often its event comes. A file that was
// changed is told, and so is a container that does not start.
func TestDeployedProof(t *testing.T) {
	d := deploy(t, false)
	d.settles = "prove"
	id := text(d.api("create", "POST", "/api/backup/create", "", 202)["id"])
	d.follow(id)
	attempt := func() (state, by, reason string) {
		t.Helper()
		a, _ := d.api("list", "GET", "/api/backup/"+id, "", 200)["proofAttempt"].(object)
		e, _ := a["error"].(object)
		return text(a["state"]), text(a["requestedBy"]), text(e["reason"])
	}
	ended := func(n int) (last outcome) {
		t.Helper()
		names := d.executions(d.proofs)
		if len(names) != n || !strings.HasPrefix(names[n-1], "prove-"+id) {
			t.Fatalf("the proofs are %v, want %d", names, n)
		}
		return d.followIn(d.proofs, names[n-1])
	}
	// What the schedule of proofs promises, figures and alarms hold the stack to.
	findings := func() (expected bool, text string) {
		t.Helper()
		sources, _ := d.api("metrics", "GET", "/api/metrics/summary", "", 200)["sources"].([]any)
		if len(sources) != 1 {
			t.Fatalf("the sources are %v", sources)
		}
		s := sources[0].(object)
		expected, _ = s["proofsExpected"].(bool)
		return expected, fmt.Sprint(s["findings"])
	}
	if expected, text := findings(); !expected || !strings.Contains(text, "not_proven") {
		t.Errorf("proofs are expected: %v; findings %s", expected, text)
	}
	d.api("prove", "POST", "/api/backup/prove/"+id, "", 202)
	if o := ended(1); o.status != "SUCCEEDED" {
		t.Fatalf("the workflow ended as %+v", o)
	}
	if b := d.api("list", "GET", "/api/backup/"+id, "", 200); !strings.Contains(fmt.Sprint(b["verifications"], b["verification"]), "proven") {
		t.Errorf("the backup is not proven: %v", b)
	}
	if state, by, _ := attempt(); state != "proven" || by != "s1" {
		t.Errorf("the record of the proof says %s, for %s", state, by)
	}
	if _, text := findings(); strings.Contains(text, "proven") {
		t.Errorf("of a proven backup it is said: %s", text)
	}
	// Without an image for proofs, whoever asks is told so.
	proofs := d.proofs
	d.proofs = ""
	if p := d.api("prove", "POST", "/api/backup/prove/"+id, "", 409); p["reason"] != "target_lacks" {
		t.Errorf("it is refused with %v", p)
	}
	d.proofs = proofs

	due := object{"detail-type": "Scheduled Event", "id": "1", "time": time.Now().UTC().Truncate(time.Second).Format(time.RFC3339), "resources": []string{"arn:aws:scheduler:us-east-1:123456789012:schedule/default/cofre-proof"}}
	for range 2 {
		out, f := invoke(t, "prove", d.env("ProveRole"), due)
		if ids, _ := out["ids"].([]any); f != nil || len(ids) != 1 || ids[0] != id {
			t.Fatalf("the scheduled event: %v %+v", out, f)
		}
		if o := ended(2); o.status != "SUCCEEDED" {
			t.Errorf("the workflow ended as %+v", o)
		}
	}
	if state, by, _ := attempt(); state != "proven" || by != "schedule" {
		t.Errorf("the record of the proof says %s, for %s", state, by)
	}

	makes := d.cloud.container
	d.cloud.container = func([]string, <-chan struct{}) int { return 1 }
	d.api("prove", "POST", "/api/backup/prove/"+id, "", 202)
	if o := ended(3); o.error != "NotProven" {
		t.Errorf("the workflow ended as %+v", o)
	}
	if state, by, reason := attempt(); state != "failed" || by != "s1" || reason != "not_started" {
		t.Errorf("the record of the proof says %s, for %s: %s", state, by, reason)
	}
	d.cloud.container = makes

	file := text(d.api("list", "GET", "/api/backup/"+id, "", 200)["filepath"])
	d.put(file, strings.Repeat("x", len(d.object(file))))
	d.api("prove", "POST", "/api/backup/prove/"+id, "", 202)
	if o := ended(4); o.error != "NotProven" {
		t.Errorf("the workflow ended as %+v", o)
	}
	if state, _, _ := attempt(); state != "disproven" && state != "failed" {
		t.Errorf("the record of the proof of a changed file says %s", state)
	}
}

// TestDeployedFailure takes the database away: the workflow fails, in the function and in the container, and the record says why.
func TestDeployedFailure(t *testing.T) {
	for _, large := range []bool{false, true} {
		d := deploy(t, large)
		d.api("settings", "GET", "/api/backup/settings", "", 200)
		good := d.database
		asked := d.cloud.function
		d.cloud.function = func(payload object) (any, *failure) {
			out, f := asked(payload)
			if payload["action"] == "plan" {
				d.database = good[:strings.LastIndex(good, "/")+1] + "gone"
			}
			return out, f
		}
		id := text(d.api("create", "POST", "/api/backup/create", "", 202)["id"])
		o := d.follow(id)
		if o.status != "FAILED" || o.error != "BackupFailed" || !strings.Contains(o.cause, "DatabaseConnectionError") {
			t.Errorf("the workflow ended as %+v", o)
		}
		b := d.api("list", "GET", "/api/backup/"+id, "", 200)
		if e, _ := b["error"].(object); b["status"] != "failed" || e["code"] != "DatabaseConnectionError" {
			t.Errorf("the record says %v", b)
		}
	}
}

// TestDeployedStop makes pg_dump wait for a table that is locked. A user's wish ends the backup and is no failure; a container that
// takes too long is stopped, tidies up, and is one.
func TestDeployedStop(t *testing.T) {
	for _, large := range []bool{false, true} {
		d := deploy(t, large)
		conn, err := pgx.Connect(t.Context(), d.database)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE orders"); err != nil {
			t.Fatal(err)
		}
		seconds := 60
		if large {
			seconds = 15
		}
		out, f := invoke(t, "create", d.env("CreateRole"), object{"action": "reserve", "key": "k"})
		if f != nil {
			t.Fatalf("reserve: %+v", f)
		}
		id := text(out["id"])
		e := d.cloud.start(t, d.cloud.definition(t, seconds, true), object{"id": id})
		if large {
			if o := e.wait(); o.status != "FAILED" || o.error != "BackupFailed" {
				t.Errorf("the workflow ended as %+v", o)
			}
		} else {
			for !slices.Contains(e.states(), "RunInLambda") {
				time.Sleep(100 * time.Millisecond)
			}
			d.api("cancel", "POST", "/api/backup/cancel/"+id, "", 202)
			if o := e.wait(); o.states[len(o.states)-1] != "Canceled" {
				t.Errorf("the workflow ended as %+v", o)
			}
		}
		d.cloud.settle()
		if b := d.api("list", "GET", "/api/backup/"+id, "", 200); b["status"] != "failed" {
			t.Errorf("the record says %v", b)
		}
	}
}
