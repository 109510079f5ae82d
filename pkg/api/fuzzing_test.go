package api_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"filippo.io/age"

	"cofre/internal/testenv"
	"cofre/pkg/api/contract"
)

// TestContractFuzzing lets Schemathesis make requests from the contract, good and bad ones, and hold every answer
// against it: no 5xx, nothing undocumented, nothing bad accepted, nothing good refused without a reason. The run makes
// the same requests each time; "make fuzz" makes more of them.
func TestContractFuzzing(t *testing.T) {
	program := filepath.Join(testenv.Root(), ".cache", "schemathesis", "bin", "schemathesis")
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%v; run: make setup", err)
	}
	database := newDatabase(t)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, database, nil, append(withTarget(t, database), "BACKUP_MAX_CONCURRENT=4", "BACKUP_SERVER_KEY="+key.String())...)
	b := w.created(w.http, "")
	w.launcher.idle = true // or the server is full of databases
	var x contract.Restore
	w.http(restoreOf(b, "shop_restored", "")).want(202).into(&x)

	w.http(ask{"GET", "/api/health", "ADMIN", "", nil}).want(200) // while all sources are there
	w.http(ask{"POST", "/api/source/test", "ADMIN", `{"name":` + strconv.Quote(b.Source) + "}", nil}).want(200)
	// What is kept is changed by its version, which nobody guesses.
	for kind, settings := range map[string]string{
		"source":  `"settings":{"name":"kept","retention":{"days":0}},"connection":{"env":"COFRE_SHOP"}`,
		"place":   `"settings":{"name":"kept","directory":"s3://bucket/kept"}`,
		"channel": `"settings":{"name":"kept","kind":"slack"},"where":{"env":"COFRE_OPS"}`,
	} {
		var made struct{ Version string }
		w.http(ask{"POST", "/api/" + kind + "/create", "ADMIN", "{" + settings + "}", nil}).want(201).into(&made)
		w.http(ask{"PUT", "/api/" + kind + "/kept", "ADMIN", `{"version":` + strconv.Quote(made.Version) + "," + settings + "}", nil}).want(200)
	}

	w.http(ask{"POST", "/api/channel/test", "ADMIN", `{"settings":{"name":"new","kind":"slack"},"where":{"value":"https://nowhere.invalid/hook"}}`, nil}).want(200)

	// The ids that the contract has as examples become those of something that there is.
	text, err := os.ReadFile(filepath.Join(testenv.Root(), "api", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const restoreID = "01JZ8R7S3E5T0RE6K2W1X0N5BC"
	for _, id := range []string{unknownID, restoreID} {
		if !bytes.Contains(text, []byte(id)) {
			t.Fatalf("the contract's example is not %s any more", id)
		}
	}
	text = bytes.ReplaceAll(text, []byte(restoreID), []byte(x.ID))
	// And so do the databases of a switch-over: the first can have the second name.
	restored := newDatabase(t)
	restored = restored[strings.LastIndex(restored, "/")+1:]
	const look = "{ target: staging, from: shop_restored, database: shop, dryRun: true }"
	if !bytes.Contains(text, []byte(look)) {
		t.Fatalf("the contract's example is not %s any more", look)
	}
	text = bytes.ReplaceAll(text, []byte(look), []byte("{ target: staging, from: "+restored+", database: "+restored+"_switched, dryRun: true }"))
	dir := t.TempDir()
	document := filepath.Join(dir, "openapi.yaml")
	if err := os.WriteFile(document, bytes.ReplaceAll(text, []byte(unknownID), []byte(b.ID)), 0o600); err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command(program, "--config-file", filepath.Join(testenv.Root(), "pkg", "api", "testdata", "schemathesis.toml"), "run", document, "--url", w.server.URL,
		"--header", "Authorization: Bearer "+token("ADMIN"), "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful",
		"--max-examples", cmp.Or(os.Getenv("COFRE_EXAMPLES"), "8"), "--generation-deterministic", "--continue-on-failure", "--request-timeout", "20", "--max-redirects", "1",
		"--workers", "1", "--warnings", "off")
	cmd.Dir = dir // it keeps notes where it runs
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("schemathesis: %v\n%s", err, out)
	}

	w.server.Close() // a request is logged behind its answer
	// A run that only ever was refused would prove little.
	answers := map[string]map[int]int{}
	for line := range strings.Lines(w.log.String()) {
		var e struct {
			Msg, Operation string
			Status         int
		}
		if json.Unmarshal([]byte(line), &e) == nil && e.Msg == "request" && e.Operation != "" {
			if answers[e.Operation] == nil {
				answers[e.Operation] = map[int]int{}
			}
			answers[e.Operation][e.Status]++
		}
	}
	for _, op := range w.contract.Operations() {
		n := answers[op.ID]
		t.Logf("%s: %v", op.ID, n)
		if n[200]+n[201]+n[202]+n[302] == 0 && op.ID != "cancelBackup" && op.ID != "cancelRestore" {
			t.Errorf("%s never succeeded: %v", op.ID, n)
		}
	}
}
