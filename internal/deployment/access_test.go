package deployment

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/api/contract"
)

// What roles may do to which objects, beside what all have: list the bucket, and append to the trail. The letters are get, put,
// delete, tags read (t), tags set (T), uploads aborted (a).
var mayDo = map[string]string{
	"CreateRole": "gpaTtd files/*  p logs/*  gp manifests/*  gp registry.json  gp registry/*  g settings.json  gp sources/*  gp contents/*  gp globals/*  p registry.json.damaged-*  gpd intents/*  g removals/*  gpd status/*  gpd cancel/*  gp verifications/*  gp clock",
	// The container does what the function Create does, and cannot start the workflow.
	"BackupTaskRole": "gpaTtd files/*  p logs/*  gp manifests/*  gp registry.json  gp registry/*  g settings.json  gp sources/*  gp contents/*  gp globals/*  p registry.json.damaged-*  gpd intents/*  g removals/*  gpd status/*  gpd cancel/*  gp verifications/*  gp clock",
	"ListRole":       "g registry.json  g registry/*  g settings.json  g sources/*  g manifests/*  g verifications/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"StatusRole":     "g registry.json  g registry/*  g settings.json  g sources/*  g manifests/*  g verifications/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"ContentsRole":   "g contents/*  g registry.json  g registry/*  g settings.json  g sources/*  g manifests/*  g verifications/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"RowsRole":       "g files/*  g contents/*  g registry.json  g registry/*  g settings.json  g sources/*  g manifests/*  g verifications/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"DownloadRole":   "g files/*  g registry.json  g registry/*  g manifests/*",
	"DeleteRole":     "gatd files/*  d logs/*  d contents/*  d globals/*  gpd manifests/*  gp registry.json  gpd registry/*  g settings.json  g sources/*  p registry.json.damaged-*  gpd intents/*  gpd removals/*  gpd status/*  gpd cancel/*  gd verifications/*  gp clock",
	"CleanupRole":    "gaTtd files/*  d logs/*  d contents/*  d globals/*  gpd manifests/*  gp registry.json  gpd registry/*  gp settings.json  g sources/*  p registry.json.damaged-*  gpd intents/*  gpd removals/*  gpd status/*  gpd cancel/*  gd verifications/*  gp clock  d audit/*  d limits/*",
	"CancelRole":     "gp manifests/*  gp registry.json  gp registry/*  g settings.json  g sources/*  p registry.json.damaged-*  gpd intents/*  g removals/*  gpd status/*  gpd cancel/*  g verifications/*  gp clock",
	"ValidateRole":   "gt files/*  g contents/*  g globals/*  gp registry.json  gp registry/*  g settings.json  g sources/*  gp verifications/*  g manifests/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"SettingsRole":   "gp registry.json  gp registry/*  gp settings.json  g sources/*  g manifests/*  g verifications/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"AuditRole":      "",
	"MetricsRole":    "g registry.json  g registry/*  g settings.json  g sources/*  g manifests/*  g verifications/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"HealthRole":     "g registry.json  g registry/*  g settings.json  g sources/*  g manifests/*  g verifications/*  g intents/*  g removals/*  g status/*  g cancel/*  gpd health.json",
}

var letters = map[string]string{
	"s3:GetObject": "g", "s3:PutObject": "p", "s3:DeleteObject": "d", "s3:GetObjectTagging": "t", "s3:PutObjectTagging": "T", "s3:AbortMultipartUpload": "a",
}

// objects gives what a role may do to objects: letters by key.
func objects(t *testing.T, role string) map[string]string {
	t.Helper()
	may := map[string]string{}
	all, _ := policies(t, role)
	for _, s := range all {
		if s.Effect != "Allow" || s.Sid == "Trail" || s.Sid == "LockTrail" {
			continue
		}
		for _, r := range s.Resources {
			key, ok := strings.CutPrefix(r, "BackupBucket/")
			if !ok {
				continue
			}
			for _, a := range s.Actions {
				if letters[a] == "" {
					t.Errorf("%s may %s, which no role is meant to", role, a)
				}
				may[key] += letters[a]
			}
		}
	}
	return may
}

func sorted(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(slices.Compact(b))
}

// TestWhoMayDoWhat compares the roles with the table, in both directions.
func TestWhoMayDoWhat(t *testing.T) {
	for _, role := range roles(t) {
		want := map[string]string{}
		for _, entry := range strings.Split(mayDo[role], "  ") {
			if may, key, ok := strings.Cut(entry, " "); ok {
				want[key] = sorted(may)
			}
		}
		got := objects(t, role)
		for key := range got {
			got[key] = sorted(got[key])
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s may\n%v, want\n%v", role, got, want)
		}
	}
}

// TestWhoMayDelete says it for what matters most: a backup and its record are removed by Delete and Cleanup alone; a run may
// remove the object that it made, but no record of a backup.
func TestWhoMayDelete(t *testing.T) {
	may := map[string][]string{}
	for _, role := range roles(t) {
		for key, what := range objects(t, role) {
			if strings.Contains(what, "d") {
				may[key] = append(may[key], role)
			}
		}
	}
	for key, want := range map[string][]string{
		"files/*":         {"BackupTaskRole", "CleanupRole", "CreateRole", "DeleteRole"},
		"manifests/*":     {"CleanupRole", "DeleteRole"},
		"contents/*":      {"CleanupRole", "DeleteRole"},
		"globals/*":       {"CleanupRole", "DeleteRole"},
		"logs/*":          {"CleanupRole", "DeleteRole"},
		"verifications/*": {"CleanupRole", "DeleteRole"},
		"registry/*":      {"CleanupRole", "DeleteRole"},
		"removals/*":      {"CleanupRole", "DeleteRole"},
		"audit/*":         {"CleanupRole"},
		"limits/*":        {"CleanupRole"},
		"registry.json":   nil,
		"settings.json":   nil,
	} {
		if got := may[key]; !slices.Equal(got, want) {
			t.Errorf("%s can be deleted by %v, want %v", key, got, want)
		}
	}
	for _, role := range roles(t) {
		all, _ := policies(t, role)
		for _, s := range all {
			for _, a := range s.Actions {
				if slices.Contains([]string{"s3:DeleteObjectVersion", "s3:BypassGovernanceRetention", "s3:PutLifecycleConfiguration", "s3:PutBucketPolicy"}, a) {
					t.Errorf("%s may %s", role, a)
				}
			}
		}
	}
}

// TestWhoMayDoTheRest bounds what is no object: secrets, the workflow, functions, the queue.
func TestWhoMayDoTheRest(t *testing.T) {
	got := map[string][]string{}
	for _, role := range roles(t) {
		all, _ := policies(t, role)
		for _, s := range all {
			for _, a := range s.Actions {
				if s.Effect == "Allow" && !strings.HasPrefix(a, "s3:") && !strings.HasPrefix(a, "logs:") && !strings.HasPrefix(a, "xray:") && !slices.Contains(got[a], role) {
					got[a] = append(got[a], role)
				}
			}
		}
	}
	want := map[string][]string{
		"secretsmanager:GetSecretValue": {"BackupTaskRole", "ContentsRole", "CreateRole", "HealthRole", "MetricsRole"},
		"kms:Decrypt":                   {"BackupTaskRole", "CreateRole", "HealthRole", "MetricsRole"},
		"kms:Sign":                      {"BackupTaskRole", "CreateRole"}, // whoever may sign can forge
		"kms:GetPublicKey":              {"BackupTaskRole", "CreateRole"},
		"states:StartExecution":         {"CreateRole", "ValidateRole"},
		"lambda:InvokeFunction":         {"ScheduleRole", "WorkflowRole"},
		"sqs:SendMessage":               {"CleanupRole", "CreateRole", "MetricsRole", "ScheduleRole"},
		"iam:PassRole":                  {"WorkflowRole"},
		"ecs:RunTask":                   {"WorkflowRole"}, "ecs:StopTask": {"WorkflowRole"}, "ecs:DescribeTasks": {"WorkflowRole"}, "ecs:TagResource": {"WorkflowRole"},
		"events:PutTargets": {"WorkflowRole"}, "events:PutRule": {"WorkflowRole"}, "events:DescribeRule": {"WorkflowRole"},
		"ecr:GetAuthorizationToken": {"BackupTaskExecutionRole"}, "ecr:BatchCheckLayerAvailability": {"BackupTaskExecutionRole"},
		"ecr:BatchGetImage": {"BackupTaskExecutionRole"}, "ecr:GetDownloadUrlForLayer": {"BackupTaskExecutionRole"},
	}
	for a := range want {
		if !slices.Equal(got[a], want[a]) {
			t.Errorf("%s is allowed to %v, want %v", a, got[a], want[a])
		}
	}
	for a := range got {
		if want[a] == nil {
			t.Errorf("%s is allowed to %v, and not expected", a, got[a])
		}
	}
}

// TestEveryRouteAsksForAToken compares the routes with the API's contract, and looks at who is let in without a token.
func TestEveryRouteAsksForAToken(t *testing.T) {
	routes := map[string]bool{} // whether a token is asked for
	for _, r := range resources(t) {
		if r.Type != "AWS::ApiGatewayV2::Api" {
			continue
		}
		for path, methods := range r.Properties["Body"].(object)["paths"].(object) {
			for method, operation := range methods.(object) {
				security, _ := operation.(object)["security"].([]any)
				asks := false
				for _, s := range security {
					_, asks = s.(object)["OpenId"]
				}
				routes[strings.ToUpper(method)+" "+path] = asks
			}
		}
	}
	c, err := contract.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range c.Operations() {
		route := op.Method + " " + op.Path
		if strings.HasPrefix(op.Path, "/api/restore/") { // only cofre serve makes restores
			if _, there := routes[route]; there {
				t.Errorf("%s is a route, and nobody answers there", route)
			}
			continue
		}
		asks, there := routes[route]
		if !there {
			t.Errorf("%s is no route", route)
		}
		if asks == op.Anonymous {
			t.Errorf("%s asks for a token: %v", route, asks)
		}
		delete(routes, route)
	}
	for route := range routes {
		t.Errorf("%s is not in the contract", route)
	}
}

// TestBucketIsSafe looks at the bucket of the backups.
func TestBucketIsSafe(t *testing.T) {
	p := resources(t)["BackupBucket"].Properties
	for name, value := range p["PublicAccessBlockConfiguration"].(object) {
		if value != true {
			t.Errorf("%s is %v", name, value)
		}
	}
	if v := text(p["VersioningConfiguration"].(object)["Status"]); v != "Enabled" {
		t.Errorf("versioning is %q", v)
	}
	tls := false
	for _, s := range statements(resources(t)["BackupBucketPolicy"].Properties["PolicyDocument"]) {
		if s.Effect != "Deny" {
			t.Errorf("the bucket's policy grants %v", s.Actions)
		}
		tls = tls || s.Sid == "TlsOnly" && slices.Contains(s.Actions, "s3:*") && len(s.Resources) == 2
	}
	if !tls {
		t.Error("the bucket takes requests without TLS")
	}
}

// TestBrowsersMaySeeTheHeaders compares what the gateway lets pages of another origin send and read with the API's contract.
func TestBrowsersMaySeeTheHeaders(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(testenv.Root(), "pkg", "api", "contract", "openapi.gen.json"))
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(data, &document); err != nil {
		t.Fatal(err)
	}
	sent, read := map[string]bool{"authorization": true, "content-type": true}, map[string]bool{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case object:
			if v["in"] == "header" {
				sent[strings.ToLower(text(v["name"]))] = true
			}
			if headers, ok := v["headers"].(object); ok && (v["content"] != nil || v["description"] != nil) { // of an answer
				for name := range headers {
					read[strings.ToLower(name)] = true
				}
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(document)
	delete(read, "www-authenticate") // tells a page nothing that the status does not
	delete(read, "allow")
	var cors object
	for _, r := range resources(t) {
		if r.Type == "AWS::ApiGatewayV2::Api" {
			cors = r.Properties["Body"].(object)["x-amazon-apigateway-cors"].(object)
		}
	}
	for property, want := range map[string]map[string]bool{"allowHeaders": sent, "exposeHeaders": read} {
		var got []string
		for _, h := range cors[property].([]any) {
			got = append(got, text(h))
		}
		slices.Sort(got)
		if w := slices.Sorted(maps.Keys(want)); !slices.Equal(got, w) {
			t.Errorf("%s are %v, the contract has %v", property, got, w)
		}
	}
}
