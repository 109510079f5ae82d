package deployment

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/api/contract"
)

// What roles may do to which objects, beside what all have: list the bucket, and append to the trail. The letters are get, put,
// delete, tags read (t), tags set (T), uploads aborted (a).
var mayDo = map[string]string{
	"CreateRole": "p events/queue/*  g ConfigurationKey  gpaTtd files/*  p logs/*  gpr manifests/*  gp registry.json  gp registry/*  g settings.json  g configuration/*  gp sources/*  gp contents/*  gp globals/*  p registry.json.damaged-*  gpd intents/*  g removals/*  gpd status/*  gpd cancel/*  gp verifications/*  g proofs/*  g pins/*  gp clock",
	// The container does what the function Create does, and cannot start the workflow.
	"BackupTaskRole": "p events/queue/*  g ConfigurationKey  gpaTtd files/*  p logs/*  gpr manifests/*  gp registry.json  gp registry/*  g settings.json  g configuration/*  gp sources/*  gp contents/*  gp globals/*  p registry.json.damaged-*  gpd intents/*  g removals/*  gpd status/*  gpd cancel/*  gp verifications/*  g proofs/*  g pins/*  gp clock",
	"ListRole":       "g registry.json  g registry/*  g settings.json  g configuration/*  g sources/*  g manifests/*  g verifications/*  g proofs/*  g pins/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"StatusRole":     "g registry.json  g registry/*  g settings.json  g configuration/*  g sources/*  g manifests/*  g verifications/*  g proofs/*  g pins/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"ContentsRole":   "g contents/*  g logs/*  g registry.json  g registry/*  g settings.json  g configuration/*  g sources/*  g manifests/*  g verifications/*  g proofs/*  g pins/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"RowsRole":       "g files/*  g contents/*  g registry.json  g registry/*  g settings.json  g configuration/*  g sources/*  g manifests/*  g verifications/*  g proofs/*  g pins/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"DownloadRole":   "p events/queue/*  g ConfigurationKey  g files/*  g registry.json  g registry/*  g manifests/*",
	"DeleteRole":     "gatd files/*  d logs/*  d contents/*  d globals/*  gpdr manifests/*  gp registry.json  gpd registry/*  g settings.json  g configuration/*  g sources/*  p registry.json.damaged-*  gpd intents/*  gpd removals/*  gpd status/*  gpd cancel/*  gd verifications/*  gd proofs/*  gpd pins/*  gp clock",
	"CleanupRole":    "gp events/*  d events/queue/*  g ConfigurationKey  gaTtd files/*  d logs/*  d contents/*  d globals/*  gpdr manifests/*  gp registry.json  gpd registry/*  gp settings.json  g configuration/*  g sources/*  p registry.json.damaged-*  gpd intents/*  gpd removals/*  gpd status/*  gpd cancel/*  gd verifications/*  gd proofs/*  gd pins/*  gp clock  d audit/*  d limits/*  gpd restores/*",
	"CancelRole":     "gpr manifests/*  gp registry.json  gp registry/*  g settings.json  g configuration/*  g sources/*  p registry.json.damaged-*  gpd intents/*  g removals/*  gpd status/*  gpd cancel/*  g verifications/*  g proofs/*  g pins/*  gp clock",
	"ValidateRole":   "p events/queue/*  g ConfigurationKey  gt files/*  g contents/*  g globals/*  gp registry.json  gp registry/*  g settings.json  g configuration/*  g sources/*  gp verifications/*  g proofs/*  g pins/*  g manifests/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"ProveRole":      "p events/queue/*  g ConfigurationKey  g files/*  g contents/*  gp registry.json  gp registry/*  g settings.json  g configuration/*  g sources/*  g manifests/*  gp verifications/*  gp proofs/*  g pins/*  gp clock  g intents/*  g removals/*  g status/*  g cancel/*",
	"RestoreRole":    "p events/queue/*  g files/*  gp restores/*  gp clock  g ConfigurationKey  g registry.json  g registry/*  g settings.json  g configuration/*  g sources/*  g manifests/*  g verifications/*  g proofs/*  g pins/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"PlanRole":       "g files/*  g contents/*  g globals/*  gp restores/*  gp clock  g ConfigurationKey  g registry.json  g registry/*  g settings.json  g configuration/*  g sources/*  g manifests/*  g verifications/*  g proofs/*  g pins/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"SwitchRole":     "gp restores/*  gp clock  g ConfigurationKey",
	// It reads backups whole, keeps the record of the restore, and records what came of it. What proves has no role at all.
	"RestoreTaskRole": "p events/queue/*  g files/*  g contents/*  g globals/*  gpd restores/*  gp clock  g ConfigurationKey  gp registry.json  gp registry/*  g settings.json  g configuration/*  gp sources/*  g manifests/*  gp verifications/*  g proofs/*  g pins/*  g intents/*  g removals/*  g status/*  g cancel/*",
	// It reads backups whole and writes none here.
	"CopyTaskRole": "p events/queue/*  gt files/*  g contents/*  g globals/*  g logs/*  g ConfigurationKey  g registry.json  g registry/*  g settings.json  g configuration/*  g sources/*  g manifests/*  g verifications/*  g proofs/*  g pins/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"SettingsRole": "gp events/*  d events/queue/*  d events/channels/*  pd configuration/sources/*  pd configuration/channels/*  pd configuration/places/*  g ConfigurationKey  gp registry.json  gp registry/*  gp settings.json  g configuration/*  g sources/*  g manifests/*  g verifications/*  g proofs/*  g pins/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"AuditRole":    "",
	"MetricsRole":  "gp events/*  d events/queue/*  g ConfigurationKey  g registry.json  g registry/*  g settings.json  g configuration/*  g sources/*  g manifests/*  g verifications/*  g proofs/*  g pins/*  g intents/*  g removals/*  g status/*  g cancel/*",
	"HealthRole":   "g ConfigurationKey  g registry.json  g registry/*  g settings.json  g configuration/*  g sources/*  g manifests/*  g verifications/*  g proofs/*  g pins/*  g intents/*  g removals/*  g status/*  g cancel/*  gpd health.json",
}

var letters = map[string]string{
	"s3:GetObject": "g", "s3:PutObject": "p", "s3:DeleteObject": "d", "s3:GetObjectTagging": "t", "s3:PutObjectTagging": "T", "s3:AbortMultipartUpload": "a",
	"s3:GetObjectRetention": "r",
}

// objects gives what a role may do to objects: letters by key.
func objects(t *testing.T, role string) map[string]string {
	t.Helper()
	may := map[string]string{}
	all, _ := policies(t, role)
	for _, s := range all {
		if s.Effect != "Allow" || s.Sid == "Trail" || s.Sid == "LockTrail" || s.Sid == "LockBackups" {
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
		"restores/*":      {"CleanupRole", "RestoreTaskRole"},
		"proofs/*":        {"CleanupRole", "DeleteRole"},
		"pins/*":          {"CleanupRole", "DeleteRole"},
		"audit/*":         {"CleanupRole"},
		"limits/*":        {"CleanupRole"},
		"events/queue/*":  {"CleanupRole", "MetricsRole", "SettingsRole"},
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
	tells := []string{"CleanupRole", "MetricsRole", "SettingsRole"}
	runs := []string{"CopyWorkflowRole", "ProofWorkflowRole", "RestoreWorkflowRole", "WorkflowRole"}
	want := map[string][]string{
		"secretsmanager:GetSecretValue": {"BackupTaskRole", "CleanupRole", "ContentsRole", "CopyTaskRole", "CreateRole", "HealthRole", "MetricsRole", "PlanRole", "RestoreTaskRole", "SettingsRole", "SwitchRole"},
		"kms:Decrypt":                   {"BackupTaskRole", "CreateRole", "HealthRole", "MetricsRole"},
		"kms:Sign":                      {"BackupTaskRole", "CreateRole"}, // whoever may sign can forge
		"kms:GetPublicKey":              {"BackupTaskRole", "CreateRole"},
		"sns:Publish":                   tells,
		"events:PutEvents":              tells, "events:DescribeEventBus": tells, // which looks whether there is one
		"states:StartExecution": {"CreateRole", "ProveRole", "RestoreRole", "ValidateRole"},
		"lambda:InvokeFunction": {"ProofWorkflowRole", "RestoreWorkflowRole", "ScheduleRole", "WorkflowRole"},
		"sqs:SendMessage":       {"CleanupRole", "CreateRole", "MetricsRole", "ProveRole", "ScheduleRole"},
		"iam:PassRole":          runs,
		"ecs:RunTask":           runs, "ecs:StopTask": runs, "ecs:DescribeTasks": runs, "ecs:TagResource": runs,
		"events:PutTargets": runs, "events:PutRule": runs, "events:DescribeRule": runs,
		"ecr:GetAuthorizationToken": {"TaskExecutionRole"}, "ecr:BatchCheckLayerAvailability": {"TaskExecutionRole"},
		"ecr:BatchGetImage": {"TaskExecutionRole"}, "ecr:GetDownloadUrlForLayer": {"TaskExecutionRole"},
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

// TestSecondPlaces: what is not this stack's bucket is one that a parameter names, and there nobody removes anything; only what copies writes.
func TestSecondPlaces(t *testing.T) {
	may := map[string][]string{}
	for _, role := range roles(t) {
		all, _ := policies(t, role)
		for _, s := range all {
			for _, r := range s.Resources {
				if s.Effect == "Allow" && strings.HasPrefix(s.Actions[0], "s3:") && !strings.HasPrefix(r, "BackupBucket") {
					if !strings.HasPrefix(r, "arn:AWS::Partition:s3:::CopyBucket") {
						t.Errorf("%s may do %v with %s", role, s.Actions, r)
					}
					may[role] = append(may[role], s.Actions...)
				}
			}
		}
	}
	looks := []string{"s3:GetObject", "s3:ListBucket"}
	want := map[string][]string{"CleanupRole": looks, "HealthRole": looks, "MetricsRole": looks, "SettingsRole": looks,
		"CopyTaskRole": {"s3:AbortMultipartUpload", "s3:GetObject", "s3:GetObjectTagging", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:PutObject", "s3:PutObjectTagging"}}
	for role := range may {
		slices.Sort(may[role])
	}
	if !maps.EqualFunc(may, want, slices.Equal) {
		t.Errorf("in second locations\n%v, want\n%v", may, want)
	}
}

// resourcesOf are those of which a role may do something.
func resourcesOf(t *testing.T, role, action string) []string {
	t.Helper()
	var out []string
	all, _ := policies(t, role)
	for _, s := range all {
		if s.Effect == "Allow" && slices.Contains(s.Actions, action) {
			out = append(out, s.Resources...)
		}
	}
	slices.Sort(out)
	return out
}

// TestWhoHasTheServerKey: what reads or writes settings that are kept in the bucket has the key by which they are known, each of them, so that what one
// writes the other takes; and but for what makes backups, copies or shows what they contain, it can open nothing with it.
func TestWhoHasTheServerKey(t *testing.T) {
	var have, read []string
	for _, role := range roles(t) {
		if slices.Contains(resourcesOf(t, role, "secretsmanager:GetSecretValue"), "ServerKeySecretArn") {
			have = append(have, role)
			if slices.Contains(resourcesOf(t, role, "s3:GetObject"), "BackupBucket/contents/*") {
				read = append(read, role)
			}
		}
	}
	if want := []string{"BackupTaskRole", "CleanupRole", "ContentsRole", "CopyTaskRole", "CreateRole", "HealthRole", "MetricsRole", "SettingsRole"}; !slices.Equal(have, want) {
		t.Errorf("the key is read by %v, want %v", have, want)
	}
	if want := []string{"BackupTaskRole", "ContentsRole", "CopyTaskRole", "CreateRole"}; !slices.Equal(read, want) {
		t.Errorf("what it opens is read by %v, want %v", read, want)
	}
	for _, role := range have {
		name := strings.TrimSuffix(role, "Role")
		variables := ""
		if r, is := resources(t)[name]; is { // a container
			variables = fmt.Sprint(r.Properties["ContainerDefinitions"])
		} else {
			variables = fmt.Sprint(resources(t)[name+"Function"].Properties["Environment"])
		}
		if !strings.Contains(variables, "BACKUP_SERVER_KEY") {
			t.Errorf("%s may read the key, and does not know it", name)
		}
	}
}

// TestWhomToTell: people are told by the topic and the bus that parameters name, and by no other.
func TestWhomToTell(t *testing.T) {
	for action, want := range map[string]string{"sns:Publish": "AlertTopicArn", "events:PutEvents": "AlertBusArn", "events:DescribeEventBus": "AlertBusArn"} {
		for _, role := range roles(t) {
			if may := resourcesOf(t, role, action); len(may) > 0 && !slices.Equal(may, []string{want}) {
				t.Errorf("%s may do %s with %v", role, action, may)
			}
		}
	}
	variables := resources(t)["SettingsFunction"].Properties["Environment"].(object)["Variables"].(object)
	if names := fmt.Sprint(variables["BACKUP_CHANNEL_ARNS"]); !strings.Contains(names, "AlertTopicArn") || !strings.Contains(names, "AlertBusArn") {
		t.Errorf("channels may name %s", names)
	}
}

// TestWhoMayRestore: connections of targets are read by what restores, plans that, or switches to what was restored, and by nobody else, and it reads no other secret. Who may start one
// workflow may not start another, and each workflow starts its own container, with its own role.
func TestWhoMayRestore(t *testing.T) {
	const secrets = "arn:AWS::Partition:secretsmanager:AWS::Region:AWS::AccountId:secret:Prefix"
	for folder, who := range map[string][]string{
		"*":          {"PlanRole", "RestoreTaskRole", "SwitchRole"}, // any of them can be a target
		"sources/*":  {"BackupTaskRole", "CreateRole", "HealthRole"},
		"places/*":   {"CleanupRole", "CopyTaskRole", "HealthRole", "MetricsRole", "SettingsRole"},
		"channels/*": {"CleanupRole", "MetricsRole", "SettingsRole"},
	} {
		for _, role := range roles(t) {
			may := resourcesOf(t, role, "secretsmanager:GetSecretValue")
			if got, want := slices.Contains(may, secrets+folder), slices.Contains(who, role); got != want || want && folder == "*" && len(may) != 1 {
				t.Errorf("%s may read the secrets %v", role, may)
			}
		}
	}
	const machine = "arn:AWS::Partition:states:AWS::Region:AWS::AccountId:stateMachine:AWS::StackName-"
	for role, want := range map[string][]string{"CreateRole": {machine + "backup", machine + "copy"}, "ValidateRole": {machine + "backup"}, "RestoreRole": {machine + "restore"}, "ProveRole": {machine + "proof"}} {
		if got := resourcesOf(t, role, "states:StartExecution"); !slices.Equal(got, want) {
			t.Errorf("%s may start %v", role, got)
		}
	}
	for role, want := range map[string]string{"WorkflowRole": "Backup", "RestoreWorkflowRole": "Restore", "CopyWorkflowRole": "Copy", "ProofWorkflowRole": "Proof"} {
		if got := resourcesOf(t, role, "ecs:RunTask"); !slices.Equal(got, []string{want + "Task"}) {
			t.Errorf("%s may run %v", role, got)
		}
		roles := []string{want + "TaskRole", "TaskExecutionRole"}
		if want == "Proof" { // the image is pulled, and that is all
			roles = roles[1:]
		}
		if got := resourcesOf(t, role, "iam:PassRole"); !slices.Equal(got, roles) {
			t.Errorf("%s may hand over %v", role, got)
		}
	}
}

// TestContainersKnowNoMore: only what makes backups knows the database, what is proven knows no target, may do nothing, and reaches nobody but
// S3 and the endpoints of the VPC.
func TestContainersKnowNoMore(t *testing.T) {
	for name, want := range map[string]struct{ database, configured, writes bool }{"BackupTask": {database: true, configured: true}, "RestoreTask": {configured: true}, "CopyTask": {configured: true}, "ProofTask": {writes: true}} {
		r := resources(t)[name]
		var variables []string
		definition := r.Properties["ContainerDefinitions"].([]any)[0].(object)
		for _, v := range definition["Environment"].([]any) {
			variables = append(variables, text(v.(object)["Name"]))
		}
		if got := slices.Contains(variables, "DATABASE_URL"); got != want.database {
			t.Errorf("%s knows the database: %v", name, got)
		}
		if got := slices.Contains(variables, "BACKUP_CONFIG") && slices.Contains(variables, "BACKUP_SECRET_PREFIX"); got != want.configured {
			t.Errorf("%s knows the configuration: %v", name, got)
		}
		if definition["ReadonlyRootFilesystem"] != true || text(definition["User"]) != "65532:65532" || definition["Secrets"] != nil {
			t.Errorf("%s runs as %v on a file system that it can write to, or with secrets in its environment", name, definition["User"])
		}
		if got := definition["MountPoints"] != nil; got != want.writes {
			t.Errorf("%s has a disk: %v", name, got)
		}
		role, has := r.Properties["TaskRoleArn"].(object)
		if want.writes {
			if has || slices.ContainsFunc(variables, func(v string) bool { return strings.HasPrefix(v, "AWS_") || v == "BACKUP_DIRECTORY" }) {
				t.Errorf("what is proven has the role %v, and knows %v", role, variables)
			}
			continue
		}
		if got := arn(role); got != name+"Role" {
			t.Errorf("%s has the role %s", name, got)
		}
	}
	group := resources(t)["ProofSecurityGroup"].Properties
	if group["SecurityGroupIngress"] != nil {
		t.Errorf("a proof can be reached: %v", group["SecurityGroupIngress"])
	}
	var to []string
	for _, e := range group["SecurityGroupEgress"].([]any) {
		rule := e.(object)
		if rule["CidrIp"] != nil || rule["CidrIpv6"] != nil || text(rule["IpProtocol"]) != "tcp" || rule["FromPort"] != rule["ToPort"] || fmt.Sprint(rule["ToPort"]) != "443" {
			t.Errorf("a proof reaches %v", rule)
		}
		for _, place := range []string{"DestinationPrefixListId", "DestinationSecurityGroupId"} {
			if rule[place] != nil {
				to = append(to, arn(rule[place]))
			}
		}
	}
	if !slices.Equal(to, []string{"S3PrefixListId", "EndpointSecurityGroupId"}) {
		t.Errorf("a proof reaches %v", to)
	}
	data, err := os.ReadFile(filepath.Join(testenv.Root(), "workflow", "proof.asl.json"))
	if err != nil || !strings.Contains(string(data), `"SecurityGroups": ["${SecurityGroup}"]`) || strings.Contains(string(data), "${SecurityGroups}") || !strings.Contains(string(data), `"AssignPublicIp": "DISABLED"`) {
		t.Errorf("proofs run in another network: %v\n%s", err, data)
	}
	if group, _ := resources(t)["ProofWorkflow"].Properties["DefinitionSubstitutions"].(object)["SecurityGroup"].(object); arn(group) != "ProofSecurityGroup" {
		t.Errorf("the workflow gives a proof the network of %v", group)
	}
}

// served reads out of a function's source which operations it serves.
func served(t *testing.T, function string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(testenv.Root(), "functions", function, "main.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(f, func(n ast.Node) bool {
		kv, _ := n.(*ast.KeyValueExpr)
		if kv == nil {
			return true
		}
		if key, _ := kv.Key.(*ast.Ident); key == nil || key.Name != "Operations" {
			return true
		}
		for _, e := range kv.Value.(*ast.CompositeLit).Elts {
			id, err := strconv.Unquote(e.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, id)
		}
		return false
	})
	return all
}

// TestEveryOperationHasItsFunction: each operation of the contract is served by one function, and the gateway sends it there. Whoever adds
// one decides which function serves it, and so what that may do.
func TestEveryOperationHasItsFunction(t *testing.T) {
	by := map[string][]string{} // functions by operation
	mains, err := filepath.Glob(filepath.Join(testenv.Root(), "functions", "*", "main.go"))
	if err != nil || len(mains) == 0 {
		t.Fatalf("no functions: %v", err)
	}
	for _, m := range mains {
		name := filepath.Base(filepath.Dir(m))
		for _, id := range served(t, name) {
			by[id] = append(by[id], name)
		}
	}
	function := regexp.MustCompile(`\$\{(\w+Function)\.Arn\}`)
	sent := map[string]string{} // resource of the function by route
	for _, r := range resources(t) {
		if r.Type != "AWS::ApiGatewayV2::Api" {
			continue
		}
		for path, methods := range r.Properties["Body"].(object)["paths"].(object) {
			for method, operation := range methods.(object) {
				uri, _ := operation.(object)["x-amazon-apigateway-integration"].(object)["uri"].(object)
				if m := function.FindStringSubmatch(text(uri["Fn::Sub"])); m != nil {
					sent[strings.ToUpper(method)+" "+path] = m[1]
				}
			}
		}
	}
	c, err := contract.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range c.Operations() {
		route := op.Method + " " + op.Path
		to := sent[route]
		if names := by[op.ID]; len(names) != 1 || to != strings.ToUpper(names[0][:1])+names[0][1:]+"Function" {
			t.Errorf("%s (%s) is served by %v, and sent to %q", op.ID, route, names, to)
		}
		delete(by, op.ID)
	}
	for id, names := range by {
		t.Errorf("%v serve %s, which is no operation", names, id)
	}
	for name, r := range resources(t) {
		if says := text(r.Properties["Description"]); r.Type == "AWS::Lambda::Function" && (says == "" || len(says) > 256) { // Lambda takes no longer one
			t.Errorf("%s does not say what it does, or at too great length: %q", name, says)
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
	tls, links := false, false
	for _, s := range statements(resources(t)["BackupBucketPolicy"].Properties["PolicyDocument"]) {
		if s.Effect != "Deny" {
			t.Errorf("the bucket's policy grants %v", s.Actions)
		}
		links = links || s.Sid == "ProofsInTheirNetwork" && slices.Equal(s.Actions, []string{"s3:*"}) && fmt.Sprint(s.Condition) ==
			"map[ArnEquals:map[aws:PrincipalArn:map[Fn::GetAtt:[ProveRole Arn]]] StringEquals:map[s3:authType:REST-QUERY-STRING] StringNotEquals:map[aws:SourceVpc:map[Ref:VpcId]]]"
		tls = tls || s.Sid == "TlsOnly" && slices.Contains(s.Actions, "s3:*") && len(s.Resources) == 2
	}
	if !tls {
		t.Error("the bucket takes requests without TLS")
	}
	if !links {
		t.Error("links to what is proven work everywhere")
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
