package measure

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Role {
		Supervise()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func shell(script string) Stage { return Stage{"/bin/sh", "-c", script} }

// busy uses processor time: some tenths of a second.
const busy = "i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done"

func run(t *testing.T, job Job) Usage {
	t.Helper()
	u, err := Run(t.Context(), os.Args[0], job)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestPipelinesAndEnvironment(t *testing.T) {
	dir := t.TempDir()
	u := run(t, Job{
		Steps: []Pipeline{
			{shell("echo $WORD > word")},
			{shell("cat word"), {"tr", "a-z", "A-Z"}, shell("sleep 0.2; cat")},
		},
		Env: []string{"WORD=hello"}, Dir: dir,
	})
	if got := string(u.Output); got != "HELLO\n" {
		t.Errorf("output %q", got)
	}
	if u.FirstByte < 0.2 || u.Wall < u.FirstByte || u.Wall > 5 {
		t.Errorf("first byte after %v s, end after %v s", u.FirstByte, u.Wall)
	}
}

func TestProcessorTimeOfEverybodyCounts(t *testing.T) {
	alone := run(t, Job{Steps: []Pipeline{{shell(busy)}}})
	if alone.CPU() < 0.05 {
		t.Fatalf("only %v s of processor time", alone.CPU())
	}
	for name, job := range map[string]Job{
		"pipeline":    {Steps: []Pipeline{{shell(busy), shell(busy)}}},
		"two steps":   {Steps: []Pipeline{{shell(busy)}, {shell(busy)}}},
		"grandchild":  {Steps: []Pipeline{{shell("(" + busy + "); " + busy)}}},
		"left behind": {Steps: []Pipeline{{shell("(" + busy + ") >/dev/null 2>&1 & " + busy)}}},
	} {
		if got := run(t, job).CPU(); got < 1.4*alone.CPU() {
			t.Errorf("%s: %v s of processor time for twice the work of %v s", name, got, alone.CPU())
		}
	}
}

// hold fills a buffer of 64 MiB up to its last byte, and waits for that one.
const hold = "(head -c 67108863 /dev/zero; sleep 0.4; echo) | dd bs=67108864 count=1 iflag=fullblock of=/dev/null 2>/dev/null"

func TestMemoryOfTheWholeTree(t *testing.T) {
	one := run(t, Job{Steps: []Pipeline{{shell(hold)}}})
	if one.PeakAnon < 64<<20 || one.PeakAnon > 80<<20 {
		t.Errorf("a program that holds 64 MiB has a peak of %d", one.PeakAnon)
	}
	two := run(t, Job{Steps: []Pipeline{{shell("(" + hold + ") & " + hold + "; wait")}}})
	if two.PeakAnon < 128<<20 || two.PeakAnon > 150<<20 {
		t.Errorf("two programs that hold 64 MiB each have a peak of %d", two.PeakAnon)
	}
	after := run(t, Job{Steps: []Pipeline{{shell(hold)}, {shell(hold)}}})
	if after.PeakAnon > 80<<20 {
		t.Errorf("two programs one after the other have a peak of %d", after.PeakAnon)
	}
}

func TestFailuresNameTheProgram(t *testing.T) {
	for name, c := range map[string]struct {
		job  Job
		want []string
	}{
		"exit status": {Job{Steps: []Pipeline{{shell("echo because >&2; exit 3")}}}, []string{"sh: exit status 3", "because"}},
		"in the middle": {Job{Steps: []Pipeline{{shell("yes"), {"false"}, {"cat"}}}},
			[]string{"false: exit status 1"}},
		"not there":    {Job{Steps: []Pipeline{{shell("echo x"), {"/nonexistent/program"}}}}, []string{"/nonexistent/program"}},
		"second step":  {Job{Steps: []Pipeline{{{"true"}}, {{"false"}}}}, []string{"false: exit status 1"}},
		"left running": {Job{Steps: []Pipeline{{shell("sleep 60 >/dev/null 2>&1 &")}}}, []string{"1 processes were left running"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Run(t.Context(), os.Args[0], c.job)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in the error %v", want, err)
				}
			}
		})
	}
}

func TestCancelEndsEverything(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := Run(ctx, os.Args[0], Job{Steps: []Pipeline{{shell("sleep 60"), {"cat"}}}})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 5*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	if n := Processes(os.Getpid()); n > 1 {
		t.Errorf("%d processes are left", n-1)
	}
}

func TestCPUOfARunningProcess(t *testing.T) {
	before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	u := run(t, Job{Steps: []Pipeline{{shell(busy)}}})
	after, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if used := after - before; used < 0.8*u.CPU() || used > 2*u.CPU()+0.5 {
		t.Errorf("%v s used, of which a child that has ended used %v s", used, u.CPU())
	}
	if _, err := CPU(1 << 30); err == nil {
		t.Error("a process that is not there has no error")
	}
}

func TestStatTicks(t *testing.T) {
	const stat = "42 (a) (b c) S 1 42 42 0 -1 4194560 1 2 3 4 100 20 3000 400 20 0 1 0 5 6 7"
	if n, err := statTicks(stat); err != nil || n != 3520 {
		t.Errorf("%d ticks, error %v", n, err)
	}
	for _, bad := range []string{"", "42 (a) S 1", strings.Replace(stat, "3000", "x", 1)} {
		if n, err := statTicks(bad); err == nil {
			t.Errorf("%q gives %d", bad, n)
		}
	}
}

func TestRssAnon(t *testing.T) {
	for status, want := range map[string]int64{
		"Name:\tx\nRssAnon:\t     980 kB\nRssFile:\t 3124 kB\n": 980 << 10,
		"Name:\tzombie\n":    0,
		"Name:\tx\nRssAnon:": 0,
	} {
		if got := rssAnon([]byte(status)); got != want {
			t.Errorf("%q gives %d, want %d", status, got, want)
		}
	}
}
