package postgres

import (
	"context"
	"strings"
	"testing"

	"cofre/pkg/fault"
)

// What somebody gives over the API leads to one host by TCP, takes nothing of this process's, and never to the network link.
func TestParseRemote(t *testing.T) {
	t.Setenv("PGPASSWORD", "hunter2-of-the-machine")
	t.Setenv("PGSSLCERT", "/etc/own.crt")
	t.Setenv("PGHOST", "own.example.com")
	got, err := ParseRemote("postgresql://backup@db.example.com/shop?sslmode=require&sslrootcert=system")
	if err != nil || got.Host() != "db.example.com" || got.HasPassword() || strings.Contains(strings.Join(got.ClientEnv(), " ")+got.ClientConninfo(), "hunter2") || strings.Contains(got.ClientConninfo(), "own.crt") {
		t.Fatalf("%v, %v, %q", got, err, got.ClientConninfo())
	}
	if !strings.Contains(got.ClientConninfo(), "passfile='/dev/null'") || got.config.TLSConfig == nil || len(got.config.TLSConfig.Certificates) > 0 {
		t.Errorf("files of this machine are taken: %q", got.ClientConninfo())
	}
	for _, c := range []string{
		"host=/var/run/postgresql user=a", "postgresql://u@/d?host=/tmp", "postgresql://u@/d", "service=prod", "postgresql://u@h/d?passfile=/etc/passwd", "postgresql://u@h/d?sslkey=/etc/shadow",
		"postgresql://u@h/d?sslcert=/x", "postgresql://u@h/d?sslrootcert=/etc/passwd", "postgresql://u@h/d?servicefile=/x", "postgresql://u@h/d?hostaddr=169.254.169.254", "postgresql://u@a,b/d",
		"postgresql://u@169.254.169.254/d", "postgresql://u@[fe80::1]/d", "postgresql://u@[::ffff:169.254.169.254]/d", "postgresql://u@[fd00:ec2::254]/d", "postgresql://h/d", "host=@abstract user=u", "", "host=h user=u sslcrl=/x", "postgresql://u@h/d?connect_timeout=65535",
	} {
		if got, err := ParseRemote(c); !fault.HasReason(err, fault.InvalidInput) {
			t.Errorf("%q: %v, %v", c, got, err)
		}
	}
	// A name, or another way to write an address, is looked at when it is connected to.
	for _, host := range []string{"0xa9fea9fe", "169.254.43518", "2852039166"} {
		to, err := ParseRemote("postgresql://u@" + host + "/d?connect_timeout=2")
		if err != nil {
			continue
		}
		if conn, err := to.Connect(t.Context()); err == nil {
			Close(conn)
			t.Errorf("%s is connected to", host)
		}
	}
	to, err := ParseRemote("postgresql://u@link.test/d")
	if err != nil {
		t.Fatal(err)
	}
	to.config.LookupFunc = lookup{"link.test": {"169.254.169.254"}}.find
	if _, err := to.WithDatabase("other").Connect(t.Context()); err == nil || !strings.Contains(err.Error(), "link-local") {
		t.Errorf("a name of the link's: %v", err)
	}
}

// A password that is kept goes to the server that it was kept for, and nowhere else.
func TestKeptPasswordStays(t *testing.T) {
	const before = "postgresql://backup:it's%20a%5Csecret@db.example.com:5433/shop?sslmode=verify-full"
	got, whole, err := CompleteRemote("postgresql://backup@db.example.com:5433/wiki?sslmode=verify-full&application_name=x", before)
	if err != nil || got.config.Password != `it's a\secret` || got.Database() != "wiki" {
		t.Fatalf("%v, %v", got, err)
	}
	if again, err := ParseRemote(whole); err != nil || again.config.Password != got.config.Password || again.Host() != "db.example.com" || again.Port() != "5433" {
		t.Errorf("as it is kept: %v, %v", again, err)
	}
	for _, s := range []string{"postgresql://backup@evil.example.com:5433/shop?sslmode=verify-full", "postgresql://backup@db.example.com/shop?sslmode=verify-full", "postgresql://backup@db.example.com:5433/shop?sslmode=disable",
		"postgresql://backup@db.example.com:5433/shop", "postgresql://postgres@db.example.com:5433/shop?sslmode=verify-full", "postgresql://backup@db.example.com:5433/shop?sslmode=verify-full&options=-crole%3Dx"} {
		if got, whole, err := CompleteRemote(s, before); err == nil || strings.Contains(err.Error(), "secret") || whole != "" {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	if _, whole, err := CompleteRemote("postgresql://u:new@other/d", before); err != nil || whole != "postgresql://u:new@other/d" {
		t.Errorf("%q, %v", whole, err)
	}
}

func FuzzRemote(f *testing.F) {
	for _, s := range []string{"postgresql://u:p@h/d", "host=h user=u", "host='/x' user=u", "postgresql://u@h:1,2/d?passfile=x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := ParseRemote(s)
		if err != nil {
			return
		}
		if h := got.Host(); h == "" || strings.HasPrefix(h, "/") || strings.Contains(h, ",") || got.settings["passfile"] != "/dev/null" || got.settings["sslkey"]+got.settings["hostaddr"]+got.settings["service"] != "" {
			t.Errorf("%q leads to %v", s, got)
		}
	})
}

// lookup is a resolver of its own.
type lookup map[string][]string

func (l lookup) find(_ context.Context, host string) ([]string, error) { return l[host], nil }
