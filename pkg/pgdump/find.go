package pgdump

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
)

// oldestServer is the oldest server version that current pg_dumps read (9.2).
const oldestServer = 9

// Client is one installation of PostgreSQL's client programs.
type Client struct {
	PgDump  string // path of pg_dump
	Version string // as it prints it: "18.1 (Debian 18.1-2)"
	Major   int    // 18
	Minor   int    // 1
}

// FindOptions says where to look for pg_dump and for which server.
type FindOptions struct {
	// Path is PGDUMP_PATH: pg_dump itself, or the folder that holds it. It wins over everything; it is
	// refused when it is wrong or too old, never replaced.
	Path string
	// Dirs are the folders to look in; nil means DefaultDirs(Getenv).
	Dirs []string
	// ServerMajor is the major version of the server to dump; 0 when it does not matter.
	ServerMajor int
	// Getenv reads PATH; nil means os.Getenv.
	Getenv func(string) string
}

func (o FindOptions) getenv(name string) string {
	if o.Getenv == nil {
		return os.Getenv(name)
	}
	return o.Getenv(name)
}

// DefaultDirs lists the folders where pg_dump may be, in the order of preference among equal versions: what is
// delivered with cofre, a Lambda layer, PATH, and the places of the usual packages.
func DefaultDirs(getenv func(string) string) []string {
	var globs []string
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		globs = append(globs, filepath.Join(filepath.Dir(exe), "..", "lib", "cofre", "pg_dump", "*", "bin"))
	}
	globs = append(globs, "/opt/bin", "/opt/pg_dump/*/bin")
	for _, dir := range filepath.SplitList(getenv("PATH")) {
		if filepath.IsAbs(dir) {
			globs = append(globs, strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir))
		}
	}
	globs = append(globs, "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin",
		"/opt/homebrew/opt/libpq/bin", "/usr/local/opt/postgresql@*/bin", "/usr/local/opt/libpq/bin", "/usr/local/pgsql/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin")
	var dirs []string
	for _, g := range globs {
		found, _ := filepath.Glob(g)
		dirs = append(dirs, found...)
	}
	return dirs
}

// Clients lists every installation found, newest first. A program that cannot be run is left out, unless it is the
// one that Path names, or older than one that was delivered with cofre: starting each takes longer than a small dump.
func Clients(ctx context.Context, o FindOptions) ([]Client, error) {
	if o.Path != "" {
		c, err := explicit(ctx, o.Path)
		if err != nil {
			return nil, err
		}
		return []Client{c}, nil
	}
	dirs := o.Dirs
	if dirs == nil {
		dirs = DefaultDirs(o.getenv)
	}
	var clients, toAsk []Client
	newest := Client{} // of those that were delivered
	seen := map[string]bool{}
	for _, dir := range dirs {
		file := filepath.Join(dir, "pg_dump")
		real, err := filepath.EvalSymlinks(file)
		// Debian's /usr/bin/pg_dump is a script that chooses a version by the local cluster: not ours to use.
		if err != nil || seen[real] || filepath.Base(real) == "pg_wrapper" {
			continue
		}
		seen[real] = true
		c, delivered := readClient(file)
		c.PgDump = file
		if !delivered {
			toAsk = append(toAsk, c)
			continue
		}
		clients = append(clients, c)
		if newest.PgDump == "" || compareVersions(c, newest) > 0 {
			newest = c
		}
	}
	for _, c := range toAsk {
		if newest.PgDump != "" && c.Version != "" && compareVersions(c, newest) <= 0 {
			clients = append(clients, c)
		} else if c, err := askVersion(ctx, c.PgDump); err == nil {
			clients = append(clients, c)
		}
	}
	slices.SortStableFunc(clients, func(a, b Client) int {
		return cmp.Or(compareVersions(b, a), cmp.Compare(slices.Index(dirs, filepath.Dir(a.PgDump)), slices.Index(dirs, filepath.Dir(b.PgDump))))
	})
	return clients, nil
}

func compareVersions(a, b Client) int {
	return cmp.Or(cmp.Compare(a.Major, b.Major), cmp.Compare(a.Minor, b.Minor))
}

// Find chooses the newest client, which must not be older than the server. The faults are
// BackupCreation with the reason ClientMissing, ClientTooOld or ServerTooOld.
func Find(ctx context.Context, o FindOptions) (Client, error) {
	if o.ServerMajor != 0 && o.ServerMajor < oldestServer {
		return Client{}, serverTooOld(o.ServerMajor)
	}
	clients, err := Clients(ctx, o)
	if err != nil {
		return Client{}, err
	}
	return Pick(clients, o)
}

// Pick is Find among what Clients has found.
func Pick(clients []Client, o FindOptions) (Client, error) {
	if o.ServerMajor != 0 && o.ServerMajor < oldestServer {
		return Client{}, serverTooOld(o.ServerMajor)
	}
	if len(clients) == 0 {
		return Client{}, fault.New(fault.BackupCreation, fault.ClientMissing,
			installHint(max(o.ServerMajor, 18))+" Or set PGDUMP_PATH to the pg_dump to use.", "pg_dump not found")
	}
	if best := clients[0]; best.Major >= o.ServerMajor {
		return best, nil
	}
	return Client{}, clients[0].tooOld(o.ServerMajor, o.Path != "")
}

// suits refuses a server that the client cannot dump.
func (c Client) suits(serverMajor int) error {
	switch {
	case serverMajor < oldestServer:
		return serverTooOld(serverMajor)
	case serverMajor > c.Major:
		return c.tooOld(serverMajor, false)
	}
	return nil
}

func serverTooOld(major int) error {
	return fault.New(fault.BackupCreation, fault.ServerTooOld, "Upgrade the server.",
		"PostgreSQL %d is not supported: pg_dump needs 9.2 or newer", major)
}

// tooOld is for a server that is newer than the client; named tells that PGDUMP_PATH says to use that one.
func (c Client) tooOld(serverMajor int, named bool) error {
	hint := installHint(serverMajor)
	if named {
		hint += " Then set PGDUMP_PATH to its pg_dump, or leave it empty."
	}
	return fault.New(fault.BackupCreation, fault.ClientTooOld, hint,
		"PostgreSQL %d cannot be dumped with pg_dump %d.%d (%s): its major version is older than the server's",
		serverMajor, c.Major, c.Minor, c.PgDump)
}

func installHint(major int) string {
	return fmt.Sprintf("Install the PostgreSQL %d client or a newer one: postgresql-client-%d "+
		"(Debian, Ubuntu: https://wiki.postgresql.org/wiki/Apt), postgresql%d (RPM), postgresql@%d (Homebrew).", major, major, major, major)
}

// explicit takes the program that somebody named, and says what is wrong with it when it cannot be used.
func explicit(ctx context.Context, path string) (Client, error) {
	refuse := func(what string, args ...any) (Client, error) {
		return Client{}, fault.New(fault.Validation, fault.InvalidInput,
			"Set PGDUMP_PATH to pg_dump or to the folder that holds it, for example /usr/lib/postgresql/18/bin, or leave it empty.",
			"PGDUMP_PATH is wrong: %s", fmt.Sprintf(what, args...))
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse("%s does not exist", path)
	case err != nil:
		return refuse("%v", err)
	case info.IsDir():
		path = filepath.Join(path, "pg_dump")
		if info, err = os.Stat(path); err != nil {
			return refuse("there is no pg_dump in that folder (%s)", path)
		}
	}
	switch {
	case !info.Mode().IsRegular():
		return refuse("%s is not a file", path)
	case info.Mode()&0o111 == 0:
		return refuse("%s is not executable", path)
	}
	if path, err = filepath.Abs(path); err != nil {
		return refuse("%v", err)
	}
	if c, delivered := readClient(path); delivered {
		return c, nil
	}
	c, err := askVersion(ctx, path)
	if err != nil {
		return refuse("%v", err)
	}
	return c, nil
}

var versionLine = lazyregexp.New(`^pg_dump \(PostgreSQL\) ((\d+)(?:\.(\d+))?\S*.*)`)

// askVersion runs "pg_dump --version", for at most five seconds.
func askVersion(ctx context.Context, file string) (Client, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, file, "--version")
	cmd.Env = baseEnv(os.Getenv)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return Client{}, fmt.Errorf("%s --version failed: %w", file, err)
	}
	c, ok := parseVersion(strings.TrimSpace(string(out)))
	if !ok {
		return Client{}, fmt.Errorf("%s does not answer as pg_dump", file)
	}
	c.PgDump = file
	return c, nil
}

// parseVersion reads what pg_dump says of itself.
func parseVersion(line string) (c Client, ok bool) {
	m := versionLine().FindStringSubmatch(line)
	if m == nil {
		return c, false
	}
	c.Version = m[1]
	c.Major, _ = strconv.Atoi(m[2])
	c.Minor, _ = strconv.Atoi(m[3])
	return c, true
}

// program gives the path of another program of the same installation.
func (c Client) program(name string) (string, error) {
	path := filepath.Join(filepath.Dir(c.PgDump), name)
	if _, err := os.Stat(path); err != nil {
		return "", fault.Wrap(err, fault.Validation, fault.ClientMissing, installHint(c.Major),
			"%s is missing beside %s", name, c.PgDump)
	}
	return path, nil
}

// baseEnv is what every child gets: enough to find libraries, certificates and a home folder, with messages
// in English, and nothing secret.
func baseEnv(getenv func(string) string) []string {
	env := []string{"LC_ALL=C", "LANGUAGE=C"}
	for _, name := range []string{"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
		"SSL_CERT_FILE", "SSL_CERT_DIR", "KRB5CCNAME", "KRB5_CONFIG", "KRB5_CLIENT_KTNAME"} {
		if v := getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}
