package deployment

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "add what is new in the stack to testdata/stack.txt")

// lasting are the lines of testdata/stack.txt: what a stack that exists is known by. CloudFormation replaces a resource whose logical ID, type or
// name is another, with all that lies in it; deployments give the parameters by name, and people read the outputs.
func lasting(t *testing.T) []string {
	t.Helper()
	var all []string
	for id, r := range resources(t) {
		switch r.Type {
		case "AWS::IAM::ManagedPolicy", "AWS::Lambda::Permission", "AWS::Lambda::LayerVersion": // nothing lies in these, and nobody names them
			continue
		}
		line := "resource " + id + " " + r.Type
		for _, property := range []string{"LogGroupName", "AlarmName", "StateMachineName", "ClusterName", "Family", "DashboardName", "Name", "Domain"} {
			if v, is := r.Properties[property].(object); is && arn(v) != "" {
				line += " " + arn(v)
			}
		}
		if r.DeletionPolicy != "" {
			line += " " + r.DeletionPolicy
		}
		all = append(all, line)
	}
	for name := range expanded.Parameters {
		all = append(all, "parameter "+name)
	}
	for name := range expanded.Outputs {
		all = append(all, "output "+name)
	}
	slices.Sort(all)
	return all
}

// TestAnUpgradeReplacesNothing: what a stack has that was deployed before, it keeps. Who takes something away on purpose removes its line.
func TestAnUpgradeReplacesNothing(t *testing.T) {
	file := filepath.Join("testdata", "stack.txt")
	data, err := os.ReadFile(file)
	if err != nil && !*update {
		t.Fatal(err)
	}
	known, is := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(data)) {
		known[strings.TrimSpace(line)] = true
	}
	for _, line := range lasting(t) {
		if is[line] = true; !known[line] && !*update {
			t.Errorf("%s is new: go test ./internal/deployment -run TestAnUpgradeReplacesNothing -update", line)
		}
		known[line] = true
	}
	for _, line := range slices.Sorted(maps.Keys(known)) {
		if !is[line] {
			t.Errorf("%s is gone or called otherwise: an upgrade would replace or remove it", line)
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(strings.Join(slices.Sorted(maps.Keys(known)), "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPoliciesFit: IAM attaches ten managed policies to a role, takes 6,144 characters of each, and 10,240 of what is a role's own; white space does not
// count. A stack with all of its options is one that can be deployed.
func TestPoliciesFit(t *testing.T) {
	size := func(document any) int {
		n := 0
		for _, s := range statements(document) {
			n += len(`{"Sid":"","Effect":"Allow","Action":[],"Resource":[]},`) + len(s.Sid)
			for _, a := range s.Actions {
				n += len(a) + 3
			}
			for _, r := range s.Resources {
				n += len(example(r)) + len("-1a2b3c4d5e6f7-012345678901-backupbucket") + 3
			}
			if s.Condition != nil {
				n += 200
			}
		}
		return n
	}
	for name, r := range resources(t) {
		switch r.Type {
		case "AWS::IAM::ManagedPolicy":
			if n := size(r.Properties["PolicyDocument"]); n > 6144 {
				t.Errorf("%s has about %d characters", name, n)
			}
		case "AWS::IAM::Role":
			if attached := flatten(r.Properties["ManagedPolicyArns"]); len(attached) > 10 {
				t.Errorf("%s has %d policies attached: %v", name, len(attached), attached)
			}
			n := 0
			for _, p := range flatten(r.Properties["Policies"]) {
				n += size(p.(object)["PolicyDocument"])
			}
			if n > 10240 {
				t.Errorf("%s has about %d characters of its own", name, n)
			}
		}
	}
}
