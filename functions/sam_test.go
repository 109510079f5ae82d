//go:build sam

package functions_test

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"cofre/internal/testenv"
)

// sam is the SAM CLI, as somebody runs it who develops functions.
type sam struct {
	t        *testing.T
	env      []string
	template string // that was built
}

func (s *sam) run(args ...string) ([]byte, error) {
	cmd := exec.Command(filepath.Join(testenv.Root(), ".cache/sam/bin/sam"), args...)
	cmd.Dir = testenv.Root()
	cmd.Env = s.env
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("sam %s: %w\n%s%s", strings.Join(args, " "), err, log.Bytes(), out.Bytes())
	}
	return out.Bytes(), nil
}

func (s *sam) must(args ...string) []byte {
	s.t.Helper()
	out, err := s.run(args...)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

// invoke sends a function an event.
func (s *sam) invoke(function string, event []byte) answer {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "event.json")
	if err := os.WriteFile(file, event, 0o600); err != nil {
		s.t.Fatal(err)
	}
	at := time.Now()
	out := s.must("local", "invoke", function, "--skip-pull-image", "--event", file, "--template", s.template, "--parameter-overrides", "Architecture="+architecture())
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	s.t.Logf("%s took %s", function, time.Since(at).Round(100*time.Millisecond))
	return answer{s.t, lines[len(lines)-1], time.Since(at)}
}

// settings puts variables into the template that was built: the SAM CLI itself can only change those that stand in it.
func (s *sam) settings(variables map[string]string) {
	s.t.Helper()
	data, err := os.ReadFile(s.template)
	if err != nil {
		s.t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		s.t.Fatal(err)
	}
	if bytes.Contains(data, []byte("<<:")) || bytes.Contains(data, []byte(": *")) {
		s.t.Error("what was built has merges or aliases, which CloudFormation does not take")
	}
	resources := child(doc.Content[0], "Resources")
	for i := 1; i < len(resources.Content); i += 2 {
		if r := resources.Content[i]; child(r, "Type").Value == "AWS::Serverless::Function" {
			environment := under(child(r, "Properties"), "Environment")
			for name, value := range variables {
				under(under(environment, "Variables"), name).SetString(value)
			}
		}
	}
	if data, err = yaml.Marshal(&doc); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.template, data, 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// child gives the value of a key; an empty node when there is none.
func child(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return &yaml.Node{}
}

// under gives the value of a key, and adds an empty mapping when there is none.
func under(n *yaml.Node, key string) *yaml.Node {
	if v := child(n, key); v.Kind != 0 {
		return v
	}
	k, v := &yaml.Node{}, &yaml.Node{Kind: yaml.MappingNode}
	k.SetString(key)
	n.Content = append(n.Content, k, v)
	return v
}

// newSam checks the template, builds it, and lets its functions reach a bucket and a database of this test.
func newSam(t *testing.T) *sam {
	t.Helper()
	d := startDocker(t)
	d.importBase(t)
	w := newWorld(t)
	home := t.TempDir()
	// SAM gives a function the credentials of its own environment, and prefers that also for other variables of the template.
	environ := slices.DeleteFunc(testenv.MinIO(t).Env(), func(v string) bool { return strings.HasPrefix(v, "AWS_ENDPOINT") })
	s := &sam{t: t, template: filepath.Join(home, "build", "template.yaml"), env: append(environ,
		"PATH="+os.Getenv("PATH"), "HOME="+home, "GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"), "GOPROXY="+goEnv(t, "GOPROXY"), "GOFLAGS="+goEnv(t, "GOFLAGS"),
		"DOCKER_HOST=unix://"+d.socket, "SAM_CLI_TELEMETRY=0", "ARCHITECTURE="+architecture(), "LC_ALL=C.UTF-8")}
	s.must("validate", "--lint")
	s.must("build", "--build-dir", filepath.Dir(s.template), "--parameter-overrides", "Architecture="+architecture())

	database := parsed(t, w.database)
	database.Host = d.relay(t, database.Host)
	s.settings(map[string]string{
		"BACKUP_DIRECTORY": "s3://" + w.bucket + "/backups", "DATABASE_URL": database.String(), "BACKUP_WORKFLOW_ARN": "",
		"AWS_ENDPOINT_URL_S3": (&url.URL{Scheme: "http", Host: d.relay(t, testenv.MinIO(t).Addr())}).String(),
	})
	t.Cleanup(func() {
		if n := d.containers(t); n > 0 {
			t.Errorf("%d containers are left", n)
		}
	})
	return s
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// Every function of the template is built and invoked by the SAM CLI, in a container, against a real database and a real
// S3 server.
func TestSamLocalInvoke(t *testing.T) {
	s := newSam(t)
	var made, one outcome
	if s.invoke("CreateFunction", event(t, "create-schedule", "")).into(&made); made.Status != "success" || made.Size == 0 {
		t.Fatalf("made %+v", made)
	}
	if s.invoke("CreateFunction", []byte("{}")).into(&one); one.Status != "success" || one.ID == made.ID {
		t.Errorf("an empty event made %+v", one)
	}
	s.invoke("CreateFunction", event(t, "create", "")).http(202, &one)
	var page struct{ Backups []outcome }
	if s.invoke("ListFunction", event(t, "list", "")).http(200, &page); len(page.Backups) != 3 {
		t.Errorf("the list is %+v", page)
	}
	s.invoke("ListFunction", event(t, "list-info", made.ID)).http(200, &one)
	s.invoke("StatusFunction", event(t, "status", made.ID)).http(200, &one)
	var link struct{ URL string }
	if s.invoke("DownloadFunction", event(t, "download", made.ID)).http(200, &link); link.URL == "" {
		t.Error("there is no link")
	}
	fetch(t, link.URL)
	var checked struct{ Valid bool }
	if s.invoke("ValidateFunction", event(t, "validate", made.ID)).http(200, &checked); !checked.Valid {
		t.Error("the backup is not valid")
	}
	s.invoke("CancelFunction", event(t, "cancel", made.ID)).http(409, nil)
	s.invoke("RestoreFunction", event(t, "restore-list", "")).http(200, nil)
	s.invoke("RestoreFunction", event(t, "restore-targets", "")).http(200, nil)
	s.invoke("PlanFunction", event(t, "plan", made.ID)).http(422, nil)
	s.invoke("SwitchFunction", event(t, "switch", "")).http(422, nil)
	s.invoke("ProveFunction", event(t, "prove", made.ID)).http(409, nil)
	var swept struct{ Kept int }
	if s.invoke("CleanupFunction", event(t, "cleanup-schedule", "")).into(&swept); swept.Kept != 3 {
		t.Errorf("the cleanup gave %+v", swept)
	}
	s.invoke("SettingsFunction", event(t, "settings", "")).http(200, nil)
	s.invoke("AuditFunction", event(t, "audit", "")).http(200, nil)
	s.invoke("MetricsFunction", event(t, "metrics", "")).http(200, nil)
	s.invoke("HealthFunction", event(t, "health", "")).http(200, nil)
	s.invoke("DeleteFunction", event(t, "delete", made.ID)).http(200, nil)
}

// The SAM CLI knows a resource for each function, so that none is left out above.
func TestTemplateHasEveryFunction(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(testenv.Root(), "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	resources := child(doc.Content[0], "Resources")
	for _, name := range names(t) {
		id := strings.ToUpper(name[:1]) + name[1:] + "Function"
		if child(child(resources, id), "Type").Value != "AWS::Serverless::Function" {
			t.Errorf("template.yaml has no %s", id)
		}
	}
}
