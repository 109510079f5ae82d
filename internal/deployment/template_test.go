package deployment

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"cofre/internal/testenv"
	"cofre/pkg/app"
	"cofre/pkg/engine"
	"cofre/pkg/metrics"
)

// run runs one of the tools on the template and gives what it prints on standard output.
func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	program, err := tool(name)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = testenv.Root()
	home := t.TempDir() // sam keeps notes there
	cmd.Env = append(os.Environ(), "HOME="+home, "SAM_CLI_TELEMETRY=0", "AWS_DEFAULT_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, said.String())
	}
	return out
}

// TestLint lets the tools of deployments read the template: sam, with cfn-lint's rules.
func TestLint(t *testing.T) {
	run(t, "sam", "validate", "--lint", "--template-file", "template.yaml")
}

// TestNoNamesAreLeft: CloudFormation takes no anchors, aliases and merges. The SAM CLI, whose own reader and writer these are, leaves none in what it builds.
func TestNoNamesAreLeft(t *testing.T) {
	read := "import sys; from samcli.yamlhelper import yaml_parse, yaml_dump; sys.stdout.write(yaml_dump(yaml_parse(open('template.yaml').read())))"
	var built, source yaml.Node
	if err := yaml.Unmarshal(run(t, "python3", "-c", read), &built); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(testenv.Root(), "template.yaml"))
	if err == nil {
		err = yaml.Unmarshal(data, &source)
	}
	if names(&source) == 0 || names(&built) > 0 || err != nil {
		t.Errorf("%d names in the template, %d in what is built: %v", names(&source), names(&built), err)
	}
}

// names counts a document's anchors, aliases and merges.
func names(n *yaml.Node) int {
	count := 0
	if n.Anchor != "" || n.Kind == yaml.AliasNode || n.Tag == "!!merge" {
		count++
	}
	for _, child := range n.Content {
		count += names(child)
	}
	return count
}

// resource is one of CloudFormation's.
type resource struct {
	Type, DeletionPolicy string
	Properties           object
}

var expanded struct {
	once                sync.Once
	Parameters, Outputs object
	Resources           map[string]resource
}

// resources are the template's, with SAM's expanded.
func resources(t *testing.T) map[string]resource {
	t.Helper()
	expanded.once.Do(func() {
		out := run(t, "python3", filepath.Join("internal", "deployment", "testdata", "expand.py"), "template.yaml")
		if err := json.Unmarshal(out, &expanded); err != nil {
			t.Fatal(err)
		}
	})
	if expanded.Resources == nil {
		t.Fatal("the template could not be expanded")
	}
	return expanded.Resources
}

// The pg_dumps to choose from are those of the layer, and whoever starts one gets the choice.
func TestPgDumpsOfTheLayer(t *testing.T) {
	var template struct {
		Parameters map[string]struct {
			AllowedValues []string `yaml:"AllowedValues"`
		} `yaml:"Parameters"`
	}
	data, err := os.ReadFile(filepath.Join(testenv.Root(), "template.yaml"))
	if err == nil {
		err = yaml.Unmarshal(data, &template)
	}
	if err != nil {
		t.Fatal(err)
	}
	dirs, err := filepath.Glob(filepath.Join(testenv.Layer(), "pg_dump", "*", "bin", "pg_dump"))
	if err != nil {
		t.Fatal(err)
	}
	majors := []string{"newest"}
	for _, file := range dirs {
		majors = append(majors, filepath.Base(filepath.Dir(filepath.Dir(file))))
	}
	if offered := template.Parameters["PgDumpMajor"].AllowedValues; !slices.Equal(offered, majors) {
		t.Errorf("offered are %v, the layer has %v", offered, majors)
	}
	for name, r := range resources(t) {
		p, _ := json.Marshal(r.Properties)
		starts := r.Type == "AWS::Lambda::Function" && r.Properties["Layers"] != nil || r.Type == "AWS::ECS::TaskDefinition" && name != "CopyTask"
		if chooses := strings.Contains(string(p), "PGDUMP_PATH") && strings.Contains(string(p), "/opt/pg_dump/${PgDumpMajor}/bin"); chooses != starts {
			t.Errorf("%s starts pg_dump: %v, and is told which: %v", name, starts, chooses)
		}
	}
}

// How rows are read can be chosen as the program has it, with its defaults, and what makes backups is told.
func TestHowRowsAreRead(t *testing.T) {
	var template struct {
		Parameters map[string]struct {
			Default        string   `yaml:"Default"`
			AllowedValues  []string `yaml:"AllowedValues"`
			AllowedPattern string   `yaml:"AllowedPattern"`
		} `yaml:"Parameters"`
	}
	data, err := os.ReadFile(filepath.Join(testenv.Root(), "template.yaml"))
	if err == nil {
		err = yaml.Unmarshal(data, &template)
	}
	if err != nil {
		t.Fatal(err)
	}
	load := func(name, value string) (engine, rows string, jobs int, err error) {
		c, err := app.Load([]string{"BACKUP_DIRECTORY=/srv/backups", name + "=" + value})
		return c.Engine, c.Rows, c.Jobs, err
	}
	engine0, rows0, jobs0, err := load("BACKUP_ENGINE", "")
	if err != nil {
		t.Fatal(err)
	}
	makes := map[string]bool{}
	for name, r := range resources(t) {
		if name == "CreateFunction" || name == "BackupTask" && r.Type == "AWS::ECS::TaskDefinition" {
			makes[name] = true
		}
	}
	for parameter, variable := range map[string]string{"BackupEngine": "BACKUP_ENGINE", "BackupJobs": "BACKUP_JOBS", "BackupRows": "BACKUP_ROWS"} {
		p := template.Parameters[parameter]
		values := p.AllowedValues
		if pattern := regexp.MustCompile("^(" + p.AllowedPattern + ")$"); len(values) == 0 {
			for i := range engine.MaxJobs + 2 {
				v := strconv.Itoa(i)
				if _, _, _, err := load(variable, v); (err == nil) != pattern.MatchString(v) {
					t.Errorf("%s: %s is allowed: %v, and the program says: %v", parameter, v, pattern.MatchString(v), err)
				}
			}
			if !pattern.MatchString("") {
				t.Errorf("%s cannot be empty", parameter)
			}
			values = []string{""}
		}
		for _, v := range values {
			if _, _, _, err := load(variable, v); err != nil {
				t.Errorf("%s: %v", parameter, err)
			}
		}
		if e, r, j, err := load(variable, p.Default); err != nil || e != engine0 || r != rows0 || j != jobs0 {
			t.Errorf("%s: the default is not the program's: %q: %s, %s, %d, %v", parameter, p.Default, e, r, j, err)
		}
		for name, r := range resources(t) {
			text, _ := json.Marshal(r.Properties)
			if told := strings.Contains(string(text), `"`+variable+`"`) && strings.Contains(string(text), `{"Ref":"`+parameter+`"}`); told != makes[name] {
				t.Errorf("%s makes backups: %v, and is told %s: %v", name, makes[name], variable, told)
			}
		}
	}
	if len(makes) != 2 {
		t.Errorf("backups are made by %v", makes)
	}
}

// Every function goes by the same source, the same age and the same proofs, which are the parameters'; the defaults are ones that the program takes.
func TestSourceAndItsAge(t *testing.T) {
	const proofs = `"BACKUP_PROOF_SCHEDULE":{"Fn::If":["HasProofSchedule",{"Fn::Sub":"CRON_TZ=${Timezone} ${ProofSchedule}"},""]}`
	for name, r := range resources(t) {
		text, _ := json.Marshal(r.Properties["Environment"])
		if told := strings.Contains(string(text), `"BACKUP_MAX_AGE_HOURS":{"Ref":"OverdueHours"}`) && strings.Contains(string(text), `"BACKUP_SOURCE":{"Ref":"SourceName"}`) && strings.Contains(string(text), proofs); told != (r.Type == "AWS::Lambda::Function") {
			t.Errorf("%s, a %s, is told: %v", name, r.Type, told)
		}
	}
	for hours, want := range map[string]time.Duration{"0": 0, "26": 26 * time.Hour} {
		if c, err := app.Load([]string{"BACKUP_DIRECTORY=/srv/backups", "BACKUP_SOURCE=", "BACKUP_MAX_AGE_HOURS=" + hours}); err != nil || c.MaxAge != want {
			t.Errorf("%s hours are %v: %v", hours, c.MaxAge, err)
		}
	}
}

// The configuration is read by every function and container that goes by it, and by no other: what it says of sources, keeping, targets and channels is never
// silently left out. Who reads it may read it, knows how the names of its secrets begin, and may have people told of what it does or reads.
func TestWhoReadsTheConfiguration(t *testing.T) {
	const from, prefix = `{"Fn::If":["HasConfiguration",{"Fn::Sub":"s3://${BackupBucket}/${ConfigurationKey}"},""]}`, `{"Fn::If":["HasSecretPrefix",{"Ref":"SecretPrefix"},{"Fn::Sub":"cofre/${AWS::StackName}/"}]}`
	reads := []string{"Create", "Download", "Validate", "Prove", "Restore", "Plan", "Switch", "Cleanup", "Settings", "Metrics", "Health", "BackupTask", "RestoreTask", "CopyTask"}
	for name, r := range resources(t) {
		role := strings.TrimSuffix(name, "Function")
		switch r.Type {
		case "AWS::Lambda::Function", "AWS::ECS::TaskDefinition":
		default:
			continue
		}
		p, _ := json.Marshal(r.Properties)
		if name == "RestoreTask" { // which is not there without one
			p = []byte(strings.Replace(string(p), `{"Fn::Sub":"s3://${BackupBucket}/${ConfigurationKey}"}`, from, 1))
		}
		told := (strings.Contains(string(p), `"BACKUP_CONFIG":`+from) || strings.Contains(string(p), `{"Name":"BACKUP_CONFIG","Value":`+from+`}`)) && strings.Contains(string(p), prefix)
		may := role != "ProofTask" && slices.Contains(resourcesOf(t, role+"Role", "s3:GetObject"), "BackupBucket/ConfigurationKey")
		if want := slices.Contains(reads, role); told != want || may != want {
			t.Errorf("%s: it is told of the configuration: %v, and may read it: %v; want %v", name, told, may, want)
		}
	}
}

// Every five minutes is looked for what is due, by what makes backups.
func TestWhatIsDueIsLookedFor(t *testing.T) {
	p, _ := json.Marshal(resources(t)["DueTime"].Properties)
	for _, want := range []string{`"ScheduleExpression":"rate(5 minutes)"`, `"Fn::GetAtt":["CreateFunction","Arn"]`, `"Input":"{\"action\": \"due\"}"`} {
		if !strings.Contains(string(p), want) {
			t.Errorf("the schedule lacks %s: %s", want, p)
		}
	}
}

// Each stack has a namespace of its own, so that alarms and dashboards of one do not show the backups of another.
func TestMetricsAreTheStacks(t *testing.T) {
	own := "cofre/${AWS::StackName}"
	for name, r := range resources(t) {
		p, err := json.Marshal(r.Properties)
		if err != nil {
			t.Fatal(err)
		}
		told := strings.Contains(string(p), "BACKUP_METRICS_NAMESPACE") && strings.Contains(string(p), own)
		if (r.Type == "AWS::Lambda::Function" || r.Type == "AWS::ECS::TaskDefinition") && !told {
			t.Errorf("%s writes into another namespace", name)
		}
		text := strings.ReplaceAll(string(p), own, "")
		for _, other := range []string{`"cofre"`, `\"cofre\"`, "{cofre,"} {
			if strings.Contains(text, other) && strings.Contains(r.Type, "CloudWatch") {
				t.Errorf("%s reads another namespace: %s", name, p)
			}
		}
	}
}

// An alarm on cofre's own metrics names one that is sent, with its dimensions; and what nobody may miss has one.
func TestAlarmsReadWhatIsMeasured(t *testing.T) {
	sent := map[string][]string{}
	for _, d := range metrics.Definitions {
		for _, label := range d.Labels {
			sent[d.EMF] = append(sent[d.EMF], strings.ToUpper(label[:1])+label[1:])
		}
		if len(d.Labels) == 0 {
			sent[d.EMF] = []string{}
		}
	}
	query := regexp.MustCompile(`^SELECT MAX\(([A-Za-z]+)\) FROM SCHEMA\("cofre/\$\{AWS::StackName\}", ([A-Za-z, ]+)\)$`)
	written := func(v any) string { // as a string, or behind Fn::Sub
		if o, is := v.(object); is {
			v = o["Fn::Sub"]
		}
		return text(v)
	}
	alarms := map[string]string{}
	for name, r := range resources(t) {
		if r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		var metric string
		dimensions := []string{}
		if all, _ := r.Properties["Metrics"].([]any); len(all) == 1 {
			m := query.FindStringSubmatch(written(all[0].(object)["Expression"]))
			if m == nil {
				t.Errorf("%s asks %v", name, all[0])
				continue
			}
			metric, dimensions = m[1], strings.Split(m[2], ", ")
		} else if !strings.HasPrefix(written(r.Properties["Namespace"]), "cofre/") {
			continue
		} else {
			metric = text(r.Properties["MetricName"])
		}
		labels, known := sent[metric]
		slices.Sort(dimensions)
		slices.Sort(labels)
		if !known || !slices.Equal(labels, dimensions) {
			t.Errorf("%s reads %s by %v, which is sent by %v", name, metric, dimensions, labels)
		}
		if alarms[metric] = name; r.Properties["AlarmActions"] == nil || text(r.Properties["ComparisonOperator"]) != "GreaterThanThreshold" {
			t.Errorf("%s tells nobody", name)
		}
	}
	for _, d := range []*metrics.Definition{metrics.Overdue, metrics.Damaged, metrics.TablesLostRows} {
		if alarms[d.EMF] == "" {
			t.Errorf("no alarm reads %s", d.EMF)
		}
	}
}

// statement is one of a policy. Resources are as [arn] writes them.
type statement struct {
	Sid, Effect        string
	Actions, Resources []string
	Condition          any
}

// statements reads a policy document. Of an Fn::If, both branches count.
func statements(document any) []statement {
	var out []statement
	for _, s := range flatten(document.(object)["Statement"]) {
		o := s.(object)
		st := statement{Sid: text(o["Sid"]), Effect: text(o["Effect"]), Condition: o["Condition"]}
		for _, a := range flatten(o["Action"]) {
			st.Actions = append(st.Actions, text(a))
		}
		for _, r := range flatten(o["Resource"]) {
			st.Resources = append(st.Resources, arn(r))
		}
		out = append(out, st)
	}
	return out
}

// flatten makes a list of one or many values, with both branches of each Fn::If and without AWS::NoValue.
func flatten(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var out []any
		for _, x := range v {
			out = append(out, flatten(x)...)
		}
		return out
	case object:
		if choice, ok := v["Fn::If"].([]any); ok {
			return append(flatten(choice[1]), flatten(choice[2])...)
		}
		if v["Ref"] == "AWS::NoValue" {
			return nil
		}
	}
	return []any{v}
}

// arn writes a resource of a policy in a readable way: "BackupBucket/files/*" for a Sub or a GetAtt of another resource's ARN.
func arn(v any) string {
	o, _ := v.(object)
	if with, is := o["Fn::Sub"].([]any); is { // with variables of its own
		return arn(object{"Fn::Sub": with[0]})
	}
	if sub := text(o["Fn::Sub"]); sub != "" {
		return strings.NewReplacer("${", "", ".Arn}", "", "}", "").Replace(sub)
	}
	if ref := text(o["Ref"]); ref != "" {
		return ref
	}
	if att, ok := o["Fn::GetAtt"].([]any); ok {
		return text(att[0])
	}
	return text(v)
}

// policies are all statements of a role, those of the template's managed policies too; and the names of AWS's own.
func policies(t *testing.T, role string) (all []statement, foreign []string) {
	t.Helper()
	r, ok := resources(t)[role]
	if !ok || r.Type != "AWS::IAM::Role" {
		t.Fatalf("there is no role %s", role)
	}
	for _, p := range flatten(r.Properties["Policies"]) {
		all = append(all, statements(p.(object)["PolicyDocument"])...)
	}
	for _, p := range flatten(r.Properties["ManagedPolicyArns"]) {
		name := arn(p)
		if m, ok := resources(t)[name]; ok {
			all = append(all, statements(m.Properties["PolicyDocument"])...)
		} else {
			foreign = append(foreign, name[strings.LastIndex(name, "/")+1:])
		}
	}
	return all, foreign
}

func roles(t *testing.T) []string {
	var out []string
	for name, r := range resources(t) {
		if r.Type == "AWS::IAM::Role" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// onlyAsAWhole are the actions for which AWS takes no narrower resource than "*" (Service Authorization Reference).
var onlyAsAWhole = []string{
	"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
	"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery", "logs:ListLogDeliveries",
	"logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups", "ecr:GetAuthorizationToken",
}

// TestNothingIsGrantedAsAWhole looks for actions and resources that are wider than need be.
func TestNothingIsGrantedAsAWhole(t *testing.T) {
	for _, role := range roles(t) {
		all, foreign := policies(t, role)
		for _, s := range all {
			for _, a := range s.Actions {
				if strings.Contains(a, "*") {
					t.Errorf("%s, %s: allows %s", role, s.Sid, a)
				}
				if slices.Contains(s.Resources, "*") && !slices.Contains(onlyAsAWhole, a) {
					t.Errorf("%s, %s: allows %s of everything", role, s.Sid, a)
				}
			}
			for _, r := range s.Resources {
				if strings.HasPrefix(r, "BackupBucket/") && strings.TrimPrefix(r, "BackupBucket/") == "*" {
					t.Errorf("%s, %s: allows %v of all objects", role, s.Sid, s.Actions)
				}
			}
		}
		// Of AWS's own policies only the one for network interfaces, whose actions know no resource.
		for _, name := range foreign {
			if name != "AWSLambdaVPCAccessExecutionRole" {
				t.Errorf("%s has AWS's policy %s", role, name)
			}
		}
	}
}

// TestPolicyLinter lets parliament read every policy: unknown actions, resources that an action does not know, and the like.
func TestPolicyLinter(t *testing.T) {
	dir := t.TempDir()
	for name, r := range resources(t) {
		documents := map[string]any{}
		switch r.Type {
		case "AWS::IAM::ManagedPolicy":
			documents[name] = r.Properties["PolicyDocument"]
		case "AWS::IAM::Role":
			for _, p := range flatten(r.Properties["Policies"]) {
				documents[name+"-"+text(p.(object)["PolicyName"])] = p.(object)["PolicyDocument"]
			}
		}
		for name, d := range documents {
			var list []any
			for _, s := range flatten(d.(object)["Statement"]) {
				o := s.(object)
				var filled []any
				for _, r := range flatten(o["Resource"]) {
					filled = append(filled, example(r))
				}
				o["Resource"] = filled
				list = append(list, o)
			}
			data, err := json.Marshal(object{"Version": "2012-10-17", "Statement": fill(list)})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name+".json"), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	out := run(t, "parliament", "--directory", dir, "--json")
	for line := range strings.Lines(string(out)) {
		var finding struct{ Issue, Severity, Detail, Location any }
		if json.Unmarshal([]byte(line), &finding) == nil {
			t.Errorf("%v: %v (%v)", finding.Issue, finding.Detail, finding.Location)
		}
	}
}

// example fills a resource in, as CloudFormation would.
func example(v any) string {
	const account = "eu-west-1:123456789012"
	whole := map[string]string{
		"BackupBucket": "arn:aws:s3:::bucket", "DeadLetterQueue": "arn:aws:sqs:" + account + ":queue", "DatabaseSecretArn": "arn:aws:secretsmanager:" + account + ":secret:shop-AbCdEf",
		"DatabaseSecretKeyArn": "arn:aws:kms:" + account + ":key/1", "SigningKeyArn": "arn:aws:kms:" + account + ":key/2",
		"AlertTopicArn": "arn:aws:sns:" + account + ":alerts", "AlertBusArn": "arn:aws:events:" + account + ":event-bus/alerts",
		"ServerKeySecretArn": "arn:aws:secretsmanager:" + account + ":secret:key-AbCdEf", "BackupTask": "arn:aws:ecs:" + account + ":task-definition/cofre:1",
		"RestoreTask": "arn:aws:ecs:" + account + ":task-definition/cofre-restore:1", "CopyTask": "arn:aws:ecs:" + account + ":task-definition/cofre-copy:1", "ProofTask": "arn:aws:ecs:" + account + ":task-definition/cofre-proof:1", "*": "*",
	}
	name := arn(v)
	for known, value := range whole {
		if rest, ok := strings.CutPrefix(name, known); ok && (rest == "" || rest[0] == '/') {
			return value + rest
		}
	}
	switch {
	case strings.HasSuffix(name, "LogGroup"):
		return "arn:aws:logs:" + account + ":log-group:" + name + ":*"
	case strings.HasSuffix(name, "Function"):
		return "arn:aws:lambda:" + account + ":function:" + name
	case strings.HasSuffix(name, "Role"):
		return "arn:aws:iam::123456789012:role/" + name
	}
	return strings.NewReplacer("AWS::Partition", "aws", "AWS::Region", "eu-west-1", "AWS::AccountId", "123456789012", "AWS::StackName", "cofre", "Prefix", "cofre/cofre/", "CopyBucket", "copies").Replace(name)
}

// fill replaces what is left of CloudFormation's functions, in conditions, by a word.
func fill(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = fill(v[i])
		}
		return out
	case object:
		if len(v) == 1 && (v["Ref"] != nil || v["Fn::Sub"] != nil || v["Fn::GetAtt"] != nil) {
			return "arn:aws:ecs:eu-west-1:123456789012:cluster/cofre"
		}
		out := object{}
		for k := range v {
			out[k] = fill(v[k])
		}
		return out
	}
	return v
}
