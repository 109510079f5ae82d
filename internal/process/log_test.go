package process_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"cofre/internal/process"
)

// What a child wrote before it answered is read after the answer: the metrics of a function once were not.
func TestLogHoldsWhatWasWrittenBeforeTheAnswer(t *testing.T) {
	log, err := process.NewLog()
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	answers, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer answers.Close()
	in, questions, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `while read -r n; do echo "log $n." >&2; echo done; done`)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, log.File()
	p, err := process.Start(cmd, syscall.SIGKILL)
	in.Close()
	out.Close()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(answers)
	for n := range 500 {
		fmt.Fprintln(questions, n)
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if got := log.String(); !strings.HasSuffix(got, fmt.Sprintf("log %d.\n", n)) {
			t.Fatalf("answer %d came before its line of the log; there are %d bytes", n, len(got))
		}
	}
	questions.Close()
	if err := p.Err(); err != nil {
		t.Error(err)
	}
}

// A buffer would be filled by another goroutine, later.
func TestOutputIsNoBuffer(t *testing.T) {
	for _, set := range []func(*exec.Cmd, *bytes.Buffer){
		func(c *exec.Cmd, b *bytes.Buffer) { c.Stdout = b },
		func(c *exec.Cmd, b *bytes.Buffer) { c.Stderr = b },
	} {
		cmd := exec.Command("sh", "-c", "exit")
		set(cmd, &bytes.Buffer{})
		if _, err := process.Start(cmd, syscall.SIGKILL); err == nil || !strings.Contains(err.Error(), "use a Log") {
			t.Errorf("started with %v", err)
		}
	}
}
