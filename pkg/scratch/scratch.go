// Package scratch runs a PostgreSQL server for as long as it takes to restore a backup and to look at what came out of it.
//
// The server is started from the programs that are installed here, has its data in a temporary folder, and listens on a Unix
// socket alone. Its processes are not root's and, where the system allows it, have no network: whoever can write to a backup's
// place decides what runs in it.
package scratch

import (
	"cmp"
	"context"
	"crypto/rand"
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

	"cofre/internal/pgserver"
	"cofre/pkg/fault"
)

// Options say what server to start.
type Options struct {
	Bin   string // the folder of initdb and postgres; "" looks where packages put them
	Major int    // of the server that the backup was made from: this one is as new, or newer
	Room  int64  // bytes that will be restored, about; 0 is not known
}

// Server is a running server.
type Server struct {
	*pgserver.Server
	Version string // "18.6"
	Major   int
	// Superuser is the role that owns the server. No backup names it: it is another one for each server, and the roles that a backup does name,
	// postgres among them, can do nothing here.
	Superuser string
}

// Role is the role without rights that a backup is restored as.
const Role = "cofre_restore"

// Start starts a server. The context bounds the start only: Stop ends it, or the end of this process.
func Start(ctx context.Context, o Options) (*Server, error) {
	p, err := Find(ctx, o.Bin, o.Major)
	if err != nil {
		return nil, err
	}
	if err := checkRoom(o.Room); err != nil {
		return nil, err
	}
	superuser := "cofre_" + strings.ToLower(rand.Text())
	s, err := pgserver.Start(ctx, pgserver.Options{BinDir: p.Bin, Superuser: superuser, Private: true, Settings: []string{
		"max_connections = 60", "max_locks_per_transaction = 1024", "shared_buffers = 128MB", "maintenance_work_mem = 128MB", "max_wal_size = 1GB",
		"autovacuum = off", "jit = off", "max_parallel_workers = 0", "logging_collector = off",
	}})
	if err != nil {
		return nil, fault.Wrap(err, fault.FileSystem, "", "Look at the server's messages above; TMPDIR says where its files lie.", "a PostgreSQL server for the proof could not be started")
	}
	return &Server{s, p.Version, p.Major, superuser}, nil
}

// Used gives the bytes that the server's data takes, with what is being sorted, and without its log of changes: that has a bound of its own. Files
// come and go meanwhile.
func (s *Server) Used() (bytes int64, err error) {
	err = filepath.WalkDir(s.Data(), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "pg_wal":
			return filepath.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	return bytes, err
}

// Programs are a server's, as installed.
type Programs struct {
	Bin     string // their folder
	Version string
	Major   int
}

// places are where packages put the server's programs: Debian's and Ubuntu's, PostgreSQL's own for RPM, builds from source, Homebrew.
var places = []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin"}

// Find looks for the oldest installed server of this major version or a newer one. bin "" looks in the usual places and in PATH.
func Find(ctx context.Context, bin string, major int) (Programs, error) {
	folders := []string{bin}
	if bin == "" {
		folders = nil
		for _, pattern := range places {
			found, _ := filepath.Glob(pattern)
			folders = append(folders, found...)
		}
		if p, err := exec.LookPath("postgres"); err == nil {
			folders = append(folders, filepath.Dir(p))
		}
	}
	var found []Programs
	for _, folder := range folders {
		p, err := ask(ctx, folder)
		if err == nil {
			found = append(found, p)
		} else if bin != "" {
			return p, fault.Wrap(err, fault.Validation, fault.InvalidInput, "Name the folder of initdb and postgres, such as /usr/lib/postgresql/18/bin.", "BACKUP_PROOF_SERVER does not lead to a PostgreSQL server")
		}
	}
	slices.SortStableFunc(found, func(a, b Programs) int { return cmp.Compare(a.Major, b.Major) })
	for _, p := range found {
		if p.Major >= major {
			return p, nil
		}
	}
	has := "none is"
	if n := len(found); n > 0 {
		has = fmt.Sprintf("the newest is %s", found[n-1].Version)
	}
	return Programs{}, fault.New(fault.Validation, fault.TargetLacks,
		fmt.Sprintf("Install it (on Debian: apt-get install postgresql-%d), or name the folder of its initdb and postgres with BACKUP_PROOF_SERVER.", max(major, 14)),
		"a proof needs the programs of a PostgreSQL %d server or newer on this machine, and %s installed", major, has)
}

// ask asks the programs of a folder for their version.
func ask(ctx context.Context, folder string) (Programs, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := os.Stat(filepath.Join(folder, "initdb")); err != nil {
		return Programs{}, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(folder, "postgres"), "--version")
	cmd.Env = []string{"LC_ALL=C"}
	out, err := cmd.Output() // postgres (PostgreSQL) 18.6 (Debian 18.6-3)
	if err != nil {
		return Programs{}, err
	}
	words := strings.Fields(string(out[:min(len(out), 200)]))
	if len(words) < 3 || words[0] != "postgres" {
		return Programs{}, fmt.Errorf("%s/postgres says %.100q", folder, out)
	}
	number := words[2]
	if i := strings.IndexFunc(number, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 { // 18.6, 19beta1
		number = number[:i]
	}
	major, err := strconv.Atoi(number)
	return Programs{folder, words[2], major}, err
}
