package source

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"cofre/pkg/fault"
)

var now = time.Date(2026, 11, 28, 2, 0, 0, 0, time.UTC)

func at(id, host string, change ...func(*Server)) Server {
	s := Server{SystemIdentifier: id, Host: host, Port: "5432", Database: "app", DatabaseOID: 16384}
	for _, c := range change {
		c(&s)
	}
	return s
}

func standby(s *Server) { s.InRecovery = true }

func TestAdmit(t *testing.T) {
	known, err := Record{Name: "app"}.Admit(at("1", "db1"), now)
	if err != nil {
		t.Fatal(err)
	}
	unreadable, err := Record{Name: "app"}.Admit(at("", "db1"), now)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		rec    Record
		server Server
		ok     bool
	}{
		"the same":                            {known, at("1", "db1"), true},
		"another server":                      {known, at("2", "db2"), false},
		"another server at the same address":  {known, at("2", "db1"), false},
		"a standby":                           {known, at("1", "db2", standby), true},
		"a standby of another cluster":        {known, at("2", "db2", standby), false},
		"promoted, or a clone":                {known, at("1", "db2"), false},
		"an address of the connection's list": {known, at("1", "db2", func(s *Server) { s.Configured = []string{"db1:5432", "db2:5432"} }), true},
		"another port":                        {known, at("1", "db1", func(s *Server) { s.Port = "5433" }), false},
		"another database":                    {known, at("1", "db1", func(s *Server) { s.Database = "blog" }), false},
		"the database was made anew":          {known, at("1", "db1", func(s *Server) { s.DatabaseOID = 99 }), true},
		"not readable here":                   {known, at("", "db1"), true},
		"not readable here, and elsewhere":    {known, at("", "db2"), false},
		"not readable then":                   {unreadable, at("1", "db1"), true},
		"not readable then, and elsewhere":    {unreadable, at("1", "db2"), false},
	} {
		got, err := c.rec.Admit(c.server, now)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && len(got.Moves) > 0 {
			t.Errorf("%s is taken for a move", name)
		}
		if err != nil {
			f := fault.From(err)
			if f.Reason != fault.ServerChanged || !strings.Contains(f.Message, "db1:5432") || !strings.Contains(f.Message, c.server.Address()) || !strings.Contains(f.Hint, "cofre source moved app") {
				t.Errorf("%s: %v %s", name, f, f.Hint)
			}
		}
	}
	if learned, _ := unreadable.Admit(at("1", "db1"), now); learned.SystemIdentifier != "1" {
		t.Error("the identifier is not learned when it can be read")
	}
	if seen, _ := known.Admit(at("1", "db2", standby), now); func() bool { _, err := seen.Admit(at("1", "db2"), now); return err != nil }() {
		t.Error("a standby that was seen is refused when it was promoted")
	}
}

// A refusal names a few addresses, whatever somebody has written into the record.
func TestManyAddresses(t *testing.T) {
	rec := Record{Name: "app", Identity: Identity{Database: strings.Repeat("d", 5000), SystemIdentifier: strings.Repeat("1", 5000)}}
	for i := range 300 {
		rec.Addresses = append(rec.Addresses, fmt.Sprintf("host%d:5432", i))
	}
	_, err := rec.Admit(at("2", "elsewhere"), now)
	if f := fault.From(err); !strings.Contains(f.Message, "host4:5432 and 295 more") || strings.Contains(f.Message, "host5:") || len(f.Message) > 1000 {
		t.Errorf("%v", err)
	}
	rec.Addresses = []string{strings.Repeat("h", 100_000)}
	if _, err := rec.Admit(at("2", "elsewhere"), now); len(err.Error()) > 3000 {
		t.Errorf("%d bytes", len(err.Error()))
	}
}

func TestMoved(t *testing.T) {
	known, _ := Record{Name: "app"}.Admit(at("1", "db1"), now)
	clone := known.Moved(at("1", "db2"), "ana", now)
	if len(clone.Addresses) != 2 || len(clone.Moves) != 1 || clone.Moves[0].By != "ana" {
		t.Errorf("a promoted standby adds its address: %+v", clone)
	}
	other := known.Moved(at("2", "db9"), "ana", now)
	if _, err := other.Admit(at("1", "db1"), now); err == nil {
		t.Error("the old server is still taken")
	}
	for range 100 {
		other = other.Moved(at("3", "db3"), "ana", now)
	}
	if data, err := json.Marshal(other); err != nil || len(data) > 32<<10 {
		t.Errorf("after a hundred moves it has %d bytes: %v", len(data), err)
	}
}

// A restore elsewhere takes nothing from the source where it is; the first backup from there is the move.
func TestExpect(t *testing.T) {
	known, _ := Record{Name: "app"}.Admit(at("1", "db1"), now)
	expecting := known.Expect(at("2", "db2")).Expect(at("2", "db2"))
	if len(expecting.Expected) != 1 {
		t.Errorf("expected are %+v", expecting.Expected)
	}
	still, err := expecting.Admit(at("1", "db1"), now)
	if err != nil || len(still.Expected) != 1 {
		t.Fatalf("the source where it is: %v", err)
	}
	moved, err := still.Admit(at("2", "db2"), now)
	if err != nil || len(moved.Moves) != 1 || len(moved.Expected) != 0 || moved.SystemIdentifier != "2" {
		t.Fatalf("the first backup from there: %+v %v", moved, err)
	}
	if _, err := moved.Admit(at("1", "db1"), now); !fault.HasReason(err, fault.ServerChanged) {
		t.Errorf("the old server afterwards: %v", err)
	}
	if _, err := still.Admit(at("3", "db3"), now); !fault.HasReason(err, fault.ServerChanged) {
		t.Errorf("a third one: %v", err)
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"shop", "a/b", "größe", strings.Repeat("x", 63), "..", "O'Brien"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", strings.Repeat("x", 64), "a\nb", "a\x00", "\xff"} {
		if err := CheckName(name); !fault.HasReason(err, fault.InvalidInput) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for name, want := range map[string]string{"shop": "shop", "a b": "'a b'", "O'Brien": `'O'\''Brien'`, "-x": "'-x'", "": "''"} {
		if got := Quote(name); got != want {
			t.Errorf("%q is quoted as %s", name, got)
		}
	}
}

// What is said of a followed source holds for all its databases, and of one that is named for that one alone.
func TestRuleOf(t *testing.T) {
	followed, one := Settings{Name: "erp", Databases: Patterns{"*"}}, Settings{Name: "shop"}
	rules := map[string]int{followed.RuleKey(): 1, one.RuleKey(): 2, "erp/pay": 3}
	for name, want := range map[string]int{"shop": 2, "erp/wages": 1, "erp/a/b": 1, "erp/pay": 3, "shop/archive": 0, "erp": 0, "er": 0, "": 0} {
		if got, said := RuleOf(rules, name); got != want || said != (want > 0) {
			t.Errorf("of %q: %d, %v, want %d", name, got, said, want)
		}
	}
}

// Whatever settings say is listed by its keys, each once, and the same again.
func FuzzFlat(f *testing.F) {
	f.Add([]byte(`{"name":"a","tags":{"a.b":"c"},"retention":{"days":0,"keepLabels":[]},"databases":"*","ping":{"env":"A"},"objectLock":{"mode":"none"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s Settings
		if json.Unmarshal(data, &s) != nil {
			return
		}
		seen := map[string]bool{}
		for _, v := range Flat(s) {
			if v.Key == "" || seen[v.Key] {
				t.Errorf("%q stands there twice, or is no key", v.Key)
			}
			seen[v.Key] = true
			_ = v.Text()
		}
		if !seen["name"] {
			t.Error("the name is lost")
		}
	})
}
