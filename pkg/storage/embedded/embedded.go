// Package embedded serves a local directory as S3 storage, so that a laptop needs no server.
//
//	func main() {
//		embedded.MaybeServe() // first: in the child it does not return
//		...
//		server, err := embedded.Start(ctx, embedded.Config{Directory: "/srv/backups"})
//		store, err := server.Store(ctx)
//		defer server.Close()
//
// The service is versitygw, used as a library. It changes the working directory, so it runs in a child: the
// same binary, executed again. Parent and child speak S3 over a unix socket in a private temporary folder;
// random credentials and everything else go to the child over its standard input, never in arguments or the
// environment. The child ends when that input ends, that is also when the parent is killed. A child that died
// is started again at the next request.
//
// # What lies in the directory
//
// Objects are plain files under their keys, mode 0600, in folders of mode 0700: /srv/backups/registry.json,
// /srv/backups/files/backup_2025-01-09_14-30-00.dump. Content type, ETag, checksum, metadata and tags are
// extended attributes of the files ("user.*"), so the file system must have them (see Start). Copies made
// without them (cp without -a, rsync without -X) restore all the same; only tags and checksums are lost.
// The folder .sgwtmp holds unfinished uploads and the locks by which several processes share the directory.
//
// # Durability
//
// An object's data reaches the disk before its name appears, and the name before the write is acknowledged.
//
// # Links
//
// With Config.Listen the server is also reachable by TCP on loopback, for presigned links: Server.Endpoint
// says where, and links that the store makes name it. Whoever has no link and no credentials gets nothing.
package embedded

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"
)

const (
	bucket = "backups"
	region = "us-east-1"
	// workFolder is the service's own folder in the directory: unfinished uploads, and our locks.
	workFolder = ".sgwtmp"
	// concurrency of uploads: a local disk has no distance to hide, and buffers are memory.
	concurrency = 3
	// maxParts of an upload. More than S3 has, because memory should stay flat for larger databases.
	maxParts = 20_000
)

// Config says what to serve. Only Directory is required.
type Config struct {
	// Directory holds the objects. It is made when it does not exist. Any name will do.
	Directory string
	// Listen is a loopback TCP address to be reachable at besides the socket: "127.0.0.1:0". Empty: none.
	Listen string
	// Volatile leaves out waiting for the disk. For tests.
	Volatile bool
	// PartSize and Concurrency as in s3.Config; 0 for the defaults.
	PartSize    int64
	Concurrency int
	// Logger gets warnings. Nil: none.
	Logger *slog.Logger
}

// Server is a running service. It is safe for concurrent use.
type Server struct {
	config Config
	dir    string // absolute
	order  order  // what a child is told, but for its socket
	relay  *relay // nil without Listen
	log    *slog.Logger

	mu     sync.Mutex
	child  *child
	closed bool
}

// Start checks the directory and starts the service. It refuses, with what to do, a directory that cannot be
// written, and a file system without extended attributes or locks. Close ends it.
func Start(ctx context.Context, c Config) (*Server, error) {
	if os.Getenv(childVariable) != "" {
		return nil, fault.New(fault.Internal, "", "Call embedded.MaybeServe first thing in main and in TestMain.",
			"the embedded store was started inside its own child process")
	}
	if c.Concurrency == 0 {
		c.Concurrency = concurrency
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	dir, err := prepare(c.Directory)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, dir: dir, log: c.Logger, order: order{
		Directory: dir, AccessKey: "cofre", SecretKey: secret(), Volatile: c.Volatile}}
	if err := s.ensure(ctx); err != nil {
		return nil, err
	}
	if c.Listen != "" {
		if s.relay, err = newRelay(c.Listen, s.dial); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// Store opens the directory as storage. The store works until the server is closed.
func (s *Server) Store(ctx context.Context) (storage.Store, error) {
	return s3.Open(ctx, s3.Config{
		Bucket: bucket, Region: region, Endpoint: "http://" + bucket + ".localhost", Dial: s.dial,
		Credentials: &s3.Credentials{AccessKeyID: s.order.AccessKey, SecretAccessKey: s.order.SecretKey},
		Known: &storage.Capabilities{CreateOnly: true, ReplaceIfUnchanged: true, CompleteCreateOnly: true, Tags: true,
			CRC64NVME: true, MaxParts: maxParts, MinPartSize: s3.MinPartSize},
		PublicEndpoint: s.Endpoint(), Description: s.dir,
		MaxParts: maxParts, TellPlan: true, PartSize: s.config.PartSize, Concurrency: s.config.Concurrency, Logger: s.config.Logger,
	})
}

// Directory is the absolute path of what is served.
func (s *Server) Directory() string { return s.dir }

// Endpoint is the URL of the loopback listener, "" without one.
func (s *Server) Endpoint() string {
	if s.relay == nil {
		return ""
	}
	return "http://" + s.relay.addr()
}

// Access is how another S3 client reaches the server: the bucket, the key pair, and a dialer for its HTTP
// transport. Tests and tools use it; the pair is worth nothing outside this machine.
type Access struct {
	Bucket, Region       string
	AccessKey, SecretKey string
	Dial                 func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Access gives the way in for other clients.
func (s *Server) Access() Access {
	return Access{Bucket: bucket, Region: region, AccessKey: s.order.AccessKey, SecretKey: s.order.SecretKey, Dial: s.dial}
}

// Pid is the child's process id, 0 when none runs.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.child == nil || s.child.dead() {
		return 0
	}
	return s.child.cmd.Process.Pid
}

// Close ends the service and waits for it. Requests under way fail. It may be called again.
func (s *Server) Close() error {
	s.mu.Lock()
	closed, c := s.closed, s.child
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	if s.relay != nil {
		s.relay.close() // its connections dial, and so lock
	}
	if c == nil {
		return nil
	}
	return c.stop()
}

// dial connects to the child, and starts a new one in place of one that died.
func (s *Server) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	for again := true; ; again = false {
		if err := s.ensure(ctx); err != nil {
			return nil, err
		}
		s.mu.Lock()
		c := s.child
		s.mu.Unlock()
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", c.socket)
		if !again || !errors.Is(err, fs.ErrNotExist) {
			return conn, err
		}
		// Somebody tidied the temporary folder up: nobody can reach this child any more.
		if err := c.stop(); err != nil {
			return nil, err
		}
	}
}

func (s *Server) ensure(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return fault.New(fault.Internal, fault.StorageUnreachable, "", "the store of %s was closed already", s.dir)
	case s.child != nil && !s.child.dead():
		return nil
	case s.child != nil:
		s.log.Warn("the embedded store ended and is started again", "cause", s.child.obituary())
		s.child.remove()
	}
	c, err := spawn(ctx, s.order)
	if err != nil {
		return err
	}
	s.child = c
	return nil
}

func secret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// locks is where the lock files of a directory are, for all processes that serve it.
func locks(dir string) string { return filepath.Join(dir, workFolder, "locks") }
