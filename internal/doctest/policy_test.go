package doctest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"cofre/internal/testenv"
)

// policy is an access policy, as far as docs/operating.md uses them.
type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Effect, Resource string
	Action           []string
}

// refusals are what cofre says where it does not name the action: what could not be done.
var refusals = map[string]string{
	"s3:ListBucketMultipartUploads": "cannot list unfinished uploads",
	"s3:AbortMultipartUpload":       "cannot abort an upload",
}

// TestPolicy tries out the access policy in docs/operating.md: with it everything works, and without any one of its
// actions something does not.
func TestPolicy(t *testing.T) {
	checkNeeded(t)
	p := documentedPolicy(t)
	minio := testenv.MinIO(t)
	server := testenv.Postgres(t, testenv.NewestMajor)
	url := server.NewDatabase(t)
	testenv.LoadFile(t, url, filepath.Join("testdata", "shop.sql"))

	everything := func(p policy) (string, error) {
		bucket := minio.NewBucket(t)
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		keys := assume(t, minio, strings.ReplaceAll(string(text), "arn:aws:s3:::bucket", "arn:aws:s3:::"+bucket))
		cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", filepath.Join("testdata", "everything.sh"))
		cmd.Env = append(minio.Env(),
			"PATH="+built(t)+":"+testenv.ClientBin(testenv.NewestMajor)+":"+os.Getenv("PATH"), "HOME="+t.TempDir(), "TMPDIR="+t.TempDir(),
			"BACKUP_DIRECTORY=s3://"+bucket+"/prefix", "DATABASE_URL="+url, "RESTORED="+server.NewDatabase(t),
			"AWS_ACCESS_KEY_ID="+keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey, "AWS_SESSION_TOKEN="+keys.SessionToken)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := everything(p); err != nil {
		t.Fatalf("the policy in docs/operating.md is not enough: %v\n%s", err, out)
	}
	for i, s := range p.Statement {
		for j, action := range s.Action {
			t.Run("without "+action, func(t *testing.T) {
				less := policy{p.Version, slices.Clone(p.Statement)}
				less.Statement[i].Action = slices.Delete(slices.Clone(s.Action), j, j+1)
				out, err := everything(less)
				if err == nil {
					t.Errorf("everything works without %s: docs/operating.md should not ask for it\n%s", action, out)
				} else if said := refusals[action]; !strings.Contains(out, action) && (said == "" || !strings.Contains(out, said)) {
					t.Errorf("without %s, cofre does not say what is missing:\n%s", action, out)
				}
			})
		}
	}
}

// documentedPolicy is the one json block of docs/operating.md.
func documentedPolicy(t *testing.T) policy {
	t.Helper()
	for _, d := range documents(t) {
		for _, b := range d.blocks {
			if d.name != "docs/operating.md" || b.language != "json" {
				continue
			}
			var p policy
			dec := json.NewDecoder(strings.NewReader(b.text))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&p); err != nil {
				t.Fatalf("%s:%d: %v", d.name, b.line, err)
			}
			return p
		}
	}
	t.Fatal("docs/operating.md has no json block with the policy")
	return policy{}
}

// assume gives temporary keys that may do what the policy allows, and nothing else.
func assume(t *testing.T, minio *testenv.MinIOServer, text string) credentials.Value {
	t.Helper()
	c, err := credentials.NewSTSAssumeRole(minio.Endpoint, credentials.STSAssumeRoleOptions{
		AccessKey: minio.AccessKey, SecretKey: minio.SecretKey, Location: testenv.Region, Policy: text, DurationSeconds: 900,
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := c.GetWithContext(nil)
	if err != nil {
		t.Fatal(fmt.Errorf("assume a role with the policy %s: %w", text, err))
	}
	return v
}
