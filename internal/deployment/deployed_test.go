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
