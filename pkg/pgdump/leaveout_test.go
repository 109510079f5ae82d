package pgdump

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
)

// What depends on what is left out goes with it, in whatever order it stands, and says why.
func TestLeaveOut(t *testing.T) {
	h := &archive.Head{Entries: []archive.Entry{
		{DumpID: 9, Desc: "VIEW", Tag: "newest", Namespace: "public", Dependencies: []int32{8}}, {DumpID: 8, Desc: "VIEW", Tag: "newer", Namespace: "public", Dependencies: []int32{1, 7}},
		{DumpID: 7, Desc: "TABLE", Tag: "t", Namespace: "public"}, {DumpID: 6, Desc: "INDEX", Tag: "i", Namespace: "public", Dependencies: []int32{7, 7}},
		{DumpID: 5, Desc: "USER MAPPING", Tag: "m", Defn: `CREATE USER MAPPING FOR a SERVER "far away";`}, {DumpID: 4, Desc: "SERVER", Tag: "far away", Dependencies: []int32{3}},
		{DumpID: 3, Desc: "FOREIGN DATA WRAPPER", Tag: "w", Dependencies: []int32{4}}, {DumpID: 2, Desc: "TABLE", Tag: "stays", Namespace: "public"},
	}}
	l := leaver{head: h}
	l.remove(func(e *archive.Entry) string {
		if e.Desc == "FOREIGN DATA WRAPPER" || e.Tag == "t" {
			return "because"
		}
		return ""
	})
	var said []string
	for _, x := range l.out {
		said = append(said, x.Entry+": "+x.Reason)
	}
	want := "VIEW public.newest: it needs VIEW public.newer; VIEW public.newer: it needs TABLE public.t; TABLE public.t: because; INDEX public.i: it needs TABLE public.t; " +
		"USER MAPPING m: it needs SERVER far away; SERVER far away: it needs FOREIGN DATA WRAPPER w; FOREIGN DATA WRAPPER w: because"
	if got := strings.Join(said, "; "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if len(h.Entries) != 1 || h.Entries[0].Tag != "stays" {
		t.Errorf("there stay %+v", h.Entries)
	}
}

// Whoever writes to the bucket writes tables of contents, too: a long chain, and as many roles as entries, take no time that grows with their square.
func TestLeaveOutOfHostileHead(t *testing.T) {
	const n = 60_000
	h := &archive.Head{}
	for i := range int32(n) {
		h.Entries = append(h.Entries, archive.Entry{DumpID: i + 1, Desc: "TABLE", Tag: fmt.Sprint("t", i), Namespace: "public", Owner: fmt.Sprint("r", i), Dependencies: []int32{i + 2}})
	}
	h.Entries = append(h.Entries, archive.Entry{DumpID: n + 1, Desc: "ACL", Tag: "TABLE t", Namespace: "public", Defn: "GRANT SELECT ON TABLE public.t TO r0" + strings.Repeat(", \"q\"", n) + ";\n"})
	started := time.Now()
	l := leaver{head: h}
	if err := l.missingRoles([]string{"postgres"}, RestoreOptions{}); !fault.HasReason(err, fault.TargetLacks) || !strings.Contains(err.Error(), "and 59991 more") {
		t.Error(err)
	}
	l.remove(func(e *archive.Entry) string {
		if e.Desc == "ACL" {
			return "because"
		}
		return ""
	})
	if len(h.Entries) > 0 || len(l.out) != n+1 {
		t.Errorf("%d stay, %d are left out", len(h.Entries), len(l.out))
	}
	// Squares take minutes.
	if took := time.Since(started); took > 30*time.Second {
		t.Errorf("it took %s", took)
	}
}
