package deployment

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"cofre/internal/process"
	"cofre/internal/testenv"
)

// deployed is the template's stack, as far as it can be had here: the functions' programs, the container's, the workflow in an
// interpreter, a bucket in MinIO, and for each role keys that may do just what the template allows.
type deployed struct {
	*testing.T
	minio    *testenv.MinIOServer
	bucket   string
	second   string // the parameter CopyBucket
	database string // URL
	cloud    *cloud
	machine  string // the ARN of the workflow of backups
	restores string // that of restores
	copies   string // that of copies
	proofs   string // that of proofs
	// secrets is the URL of Secrets Manager, which hands held out to whoever the template allows to read them.
	secrets string
	held    map[string]string // by ARN
	keys    map[string]credentials.Value
	kms     testenv.KMSServer
	// signing is the ARN of the key in KMS that signs backups, and trusted its public half; "" without one.
	signing, trusted string
	more             []string // settings of all functions
	settles          string   // the function that the workflow's last step is of, where it is not restore
}

// deploy sets it up. Large tells that the plan always chooses the container.
func deploy(t *testing.T, large bool) *deployed {
	t.Helper()
	server := testenv.Postgres(t, testenv.NewestMajor)
	d := &deployed{T: t, minio: testenv.MinIO(t), database: server.NewDatabase(t), cloud: newCloud(t), keys: map[string]credentials.Value{}}
	d.bucket, d.second = d.minio.NewBucket(t), d.minio.NewBucket(t)
	testenv.LoadSQL(t, d.database, "CREATE TABLE orders AS SELECT n AS id, md5(n::text) AS code FROM generate_series(1, 5000) n")
	d.cloud.function = func(payload object) (any, *failure) {
		switch action := payload["action"]; {
		case action == "order", action == "renew", action == "settle" && d.settles == "prove":
			return invoke(t, "prove", d.env("ProveRole"), payload)
		case action == "settle":
			return invoke(t, "restore", d.env("RestoreRole"), payload)
		}
		out, f := invoke(t, "create", d.env("CreateRole"), payload)
		if large && f == nil && payload["action"] == "plan" {
			out["engine"] = "container"
		}
		return out, f
	}
	d.cloud.container = d.container
	in := theInterpreter(t)
	for name, machine := range map[string]*string{"backup": &d.machine, "restore": &d.restores, "copy": &d.copies, "proof": &d.proofs} {
		definition := d.cloud.definitionOf(t, name, 60, true)
		*machine = text(in.call(t, "CreateStateMachine", object{"name": d.cloud.name + "-" + name, "definition": string(definition), "roleArn": "arn:aws:iam::123456789012:role/workflow"})["stateMachineArn"])
	}
	d.held = map[string]string{}
	manager := httptest.NewServer(http.HandlerFunc(d.readSecret))
	t.Cleanup(manager.Close)
	d.secrets = manager.URL
	return d
}

// readSecret is Secrets Manager, as far as reading goes: it asks the policies of the role whose keys have signed the request.
func (d *deployed) readSecret(w http.ResponseWriter, r *http.Request) {
	var asked struct{ SecretId string }
	_ = json.NewDecoder(r.Body).Decode(&asked)
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(credential, "/")
	d.cloud.mu.Lock()
	role := ""
	for name, k := range d.keys {
		if k.AccessKeyID == key {
			role = name
		}
	}
	value, there := d.held[asked.SecretId]
	d.cloud.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	may := role != "" && slices.ContainsFunc(resourcesOf(d.T, role, "secretsmanager:GetSecretValue"), func(resource string) bool {
		allowed := strings.NewReplacer("AWS::Partition", "aws", "AWS::Region", "us-east-1", "AWS::AccountId", "123456789012", "AWS::StackName", "cofre", "Prefix", "cofre/cofre/").Replace(resource)
		prefix, wild := strings.CutSuffix(allowed, "*")
		return allowed == asked.SecretId || wild && strings.HasPrefix(asked.SecretId, prefix)
	})
	switch {
	case !may:
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(object{"__type": "AccessDeniedException"})
	case !there:
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(object{"__type": "ResourceNotFoundException"})
	default:
		_ = json.NewEncoder(w).Encode(object{"SecretString": value})
	}
}

// container runs cofre, and sends it SIGTERM when the task is stopped.
func (d *deployed) container(args []string, stop <-chan struct{}) int {
	cmd := exec.Command(filepath.Join(built(d.T), "cofre"), args...)
	role := "BackupTaskRole"
	switch {
	case slices.Contains(args, "--restore"):
		role = "RestoreTaskRole"
	case slices.Contains(args, "--proof"):
		role = ""
	case args[0] == "copy":
		role = "CopyTaskRole"
	}
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent", "AWS_EXECUTION_ENV=AWS_ECS_FARGATE"}
	if role != "" {
		cmd.Env = append(cmd.Env, d.env(role)...)
	} else { // no keys, no bucket: what the workflow gives it, and the paths that are another's in the image
		cmd.Env = append(cmd.Env, d.cloud.environment()...)
		cmd.Env = append(cmd.Env, "BACKUP_PROOF_SERVER="+testenv.ServerBin(testenv.NewestMajor), "PGDUMP_PATH="+testenv.ClientBin(testenv.NewestMajor), "BACKUP_TRUSTED_KEYS="+d.trusted)
	}
	said, err := process.NewLog() // not the test's: it may end before the container
	if err != nil {
		d.Error(err)
		return 1
	}
	defer said.Close()
	cmd.Stdout, cmd.Stderr = said.File(), said.File()
	p, err := process.Start(cmd, syscall.SIGKILL)
	if err != nil {
		d.Error(err)
		return 1
	}
	select {
	case <-p.Done():
	case <-stop:
		if err := p.Stop(syscall.SIGTERM, time.Minute); err != nil {
			d.Error(err)
		}
	}
	if name := map[bool]string{true: "BackupSuccess", false: "BackupFailure"}[p.Err() == nil]; role == "BackupTaskRole" && !strings.Contains(said.String(), name) {
		d.Errorf("the container's log has no metric %s", name)
	}
	d.Logf("cofre %s: status %d\n%s", strings.Join(args, " "), cmd.ProcessState.ExitCode(), said.String())
	return cmd.ProcessState.ExitCode()
}

// configuration is the parameter ConfigurationKey.
const configuration = "config/cofre.yaml"

// env is what a function's environment has, with the keys of its role.
func (d *deployed) env(role string) []string {
	k := d.role(role)
	env := []string{
		"AWS_REGION=" + testenv.Region, "AWS_ENDPOINT_URL_S3=" + d.minio.Endpoint, "AWS_ENDPOINT_URL_SFN=" + theInterpreter(d.T).url, "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ACCESS_KEY_ID=" + k.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + k.SecretAccessKey, "AWS_SESSION_TOKEN=" + k.SessionToken,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + d.secrets, "BACKUP_DIRECTORY=s3://" + d.bucket, "PGDUMP_PATH=" + testenv.ClientBin(testenv.NewestMajor),
		"BACKUP_CONNECT_RETRIES=0", "BACKUP_SCHEDULE=CRON_TZ=UTC cron(0 2 * * ? *)",
		"BACKUP_PROOF_SCHEDULE=CRON_TZ=UTC cron(0 6 ? * SUN *)",
		"BACKUP_TRUSTED_KEYS=" + d.trusted,
	}
	switch role {
	case "RestoreRole", "PlanRole", "SwitchRole", "RestoreTaskRole":
		env = append(env, "BACKUP_CONFIG=s3://"+d.bucket+"/"+configuration, "BACKUP_WORKFLOW_ARN="+d.restores)
	case "ProveRole":
		env = append(env, "BACKUP_WORKFLOW_ARN="+d.proofs)
	case "CopyTaskRole": // it knows no database
	default:
		env = append(env, "DATABASE_URL="+d.database, "BACKUP_WORKFLOW_ARN="+d.machine)
	}
	env = append(env, d.more...)
	all, _ := policies(d.T, role)
	if d.signing != "" && slices.ContainsFunc(all, func(s statement) bool { return slices.Contains(s.Actions, "kms:Sign") }) {
		env = append(env, "BACKUP_SIGNING_KEY=awskms:"+d.signing, "AWS_ENDPOINT_URL_KMS="+d.kms.Endpoint())
	}
	return env
}

// role gives keys that may do to the bucket what the role in the template may.
func (d *deployed) role(name string) credentials.Value {
	d.Helper()
	d.cloud.mu.Lock()
	defer d.cloud.mu.Unlock()
	if k, ok := d.keys[name]; ok {
		return k
	}
	var list []any
	may := map[string][]string{} // what is allowed at a place, without a condition
	all, _ := policies(d.T, name)
	for _, s := range all {
		var actions, places []string
		for _, a := range s.Actions {
			if strings.HasPrefix(a, "s3:") {
				actions = append(actions, a)
			}
		}
		for _, r := range s.Resources {
			if rest, ok := strings.CutPrefix(r, "arn:AWS::Partition:s3:::CopyBucket"); ok {
				places = append(places, "arn:aws:s3:::"+d.second+rest)
			} else if rest, ok := strings.CutPrefix(r, "BackupBucket"); ok {
				places = append(places, "arn:aws:s3:::"+d.bucket+strings.Replace(rest, "ConfigurationKey", configuration, 1))
			}
		}
		switch {
		case len(actions) == 0, len(places) == 0, strings.Contains(s.Sid, "Lock"): // the bucket has no lock
		case s.Effect == "Allow" && s.Condition == nil:
			for _, p := range places {
				may[p] = append(may[p], actions...)
			}
		default:
			o := object{"Effect": s.Effect, "Action": actions, "Resource": places}
			if s.Condition != nil {
				o["Condition"] = s.Condition
			}
			list = append(list, o)
		}
	}
	// Each place is named once: MinIO takes 2,048 bytes of such a policy.
	together := map[string][]string{}
	for _, p := range slices.Sorted(maps.Keys(may)) {
		slices.Sort(may[p])
		key := strings.Join(slices.Compact(may[p]), " ")
		together[key] = append(together[key], p)
	}
	for _, actions := range slices.Sorted(maps.Keys(together)) {
		list = append(list, object{"Effect": "Allow", "Action": strings.Fields(actions), "Resource": together[actions]})
	}
	text, err := json.Marshal(object{"Version": "2012-10-17", "Statement": list})
	if err != nil {
		d.Fatal(err)
	}
	c, err := credentials.NewSTSAssumeRole(d.minio.Endpoint, credentials.STSAssumeRoleOptions{
		AccessKey: d.minio.AccessKey, SecretKey: d.minio.SecretKey, Location: testenv.Region, Policy: string(text), DurationSeconds: 3600,
	})
	if err != nil {
		d.Fatal(err)
	}
	k, err := c.GetWithContext(nil)
	if err != nil {
		d.Fatalf("%s, policy of %d bytes: %v", name, len(text), err)
	}
	d.keys[name] = k
	return k
}

// api sends a request to a function and gives the answer's body. The answer must have this status.
func (d *deployed) api(function, method, path, body string, status int) object {
	d.Helper()
	role := strings.ToUpper(function[:1]) + function[1:] + "Role"
	out, f := invoke(d.T, function, d.env(role), request(method, path, body))
	if f != nil {
		d.Fatalf("%s %s: %+v", method, path, f)
	}
	if got := out["statusCode"]; got != float64(status) {
		d.Fatalf("%s %s: %v %v, want %d", method, path, got, out["body"], status)
	}
	var answer object
	_ = json.Unmarshal([]byte(text(out["body"])), &answer)
	return answer
}

// follow waits for the end of the workflow that makes a backup.
func (d *deployed) follow(id string) outcome {
	d.Helper()
	return d.followIn(d.machine, id)
}

// followIn waits for the end of an execution of a workflow.
func (d *deployed) followIn(machine, name string) outcome {
	d.Helper()
	return (&execution{d.T, theInterpreter(d.T), strings.Replace(machine, ":stateMachine:", ":execution:", 1) + ":" + name}).wait()
}

// executions are the names of those that a workflow has had.
func (d *deployed) executions(machine string) []string {
	d.Helper()
	var names []string
	list, _ := theInterpreter(d.T).call(d.T, "ListExecutions", object{"stateMachineArn": machine})["executions"].([]any)
	for _, e := range list {
		names = append(names, text(e.(object)["name"]))
	}
	slices.Sort(names)
	return names
}

// fetch gives the SHA-256 of what is at a URL.
func fetch(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r.Body); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("fetch: %s %v", r.Status, err)
	}
	return hex.EncodeToString(h.Sum(nil))
}
