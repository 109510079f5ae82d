package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
)

// ProofServer is a server that others use, on which a proof has one database of its own. The names of such databases are made here, no other
// one is ever dropped, and a session beside holds an advisory lock by the name for as long as the proof lives: what bears such a name and is not
// held was left by a proof that was killed.
type ProofServer struct {
	Version string // "18.6"
	Major   int
	Powers  string // by what the target's role, and so whatever runs in a backup, can do what a superuser can; see Powers
	target  Target
	from    Target    // a maintenance database
	conn    *pgx.Conn // there; it holds the lock
	held    string    // the name that is locked
	made    bool      // and of which a database may be there
}

// proofName is what a proof's database is called: behind the words a ULID in lower case.
var proofName = lazyregexp.New(`^cofre_proof_[0-7][0-9a-hjkmnp-tv-z]{25}$`)

const proofPrefix = "cofre_proof_"

// proofKey is the key of the advisory lock of a name.
func proofKey(name string) int64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return int64(h.Sum64())
}

// OpenProofServer connects to the target's server for a proof of a backup of a server of this major version; 0 is not known. A server that cannot
// take it is refused before anything is made. The caller closes it, or drops what was made.
func OpenProofServer(ctx context.Context, t Target, major int) (*ProofServer, error) {
	// As if for a database of a proof: the target may name postgres itself, and the next one, template1, is not to be held for as long as a proof
	// lasts, since nobody could make a database meanwhile.
	conn, from, err := t.WithDatabase(proofPrefix).ConnectMaintenance(ctx, "make a database for a proof", Policy{})
	if err != nil {
		return nil, err
	}
	s := &ProofServer{target: t, from: from.Writable(), conn: conn}
	if err := s.look(ctx, major); err != nil {
		Close(conn)
		return nil, err
	}
	return s, nil
}

func (s *ProofServer) look(ctx context.Context, major int) error {
	if err := s.from.RefuseTransactionPooler(ctx, s.conn); err != nil {
		return err
	}
	if _, err := s.conn.Exec(ctx, holdSession+", pg_catalog.set_config('default_transaction_read_only', 'off', false)"); err != nil {
		return s.from.Explain(ctx, err)
	}
	var num int
	var standby, creates bool
	err := s.conn.QueryRow(ctx, `SELECT pg_catalog.current_setting('server_version_num')::int, pg_catalog.current_setting('server_version'), pg_catalog.pg_is_in_recovery(),
		EXISTS (SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = current_user AND (rolcreatedb OR rolsuper)), `+powers).
		Scan(&num, &s.Version, &standby, &creates, &s.Powers)
	if err != nil {
		return s.from.Explain(ctx, err)
	}
	s.Version, _, _ = strings.Cut(s.Version, " ") // 18.6 (Debian 18.6-1)
	switch s.Major = num / 10000; {
	case standby:
		return fault.New(fault.Validation, fault.TargetLacks, "Use the address of the primary.", "the server at %s is a standby: nothing can be written there", s.from.Host())
	case s.Major < major:
		return fault.New(fault.Validation, fault.TargetLacks, fmt.Sprintf("Name a target with PostgreSQL %d or newer, or prove the backup in a server of its own on a machine that has its programs.", major),
			"the backup is of PostgreSQL %d, and the server at %s is %s: an older one does not take everything; nothing was made", major, s.from.Host(), s.Version)
	case !creates:
		return MayNotCreate(nil, s.from.User())
	}
	return nil
}

// Create makes the proof's database, which the target's role alone may enter, and returns the connection to it. id is a ULID. It may be called
// again, with the same id, where the server cannot have a locale.
func (s *ProofServer) Create(ctx context.Context, id string, l Locale) (Target, error) {
	name := proofPrefix + strings.ToLower(id)
	if !proofName().MatchString(name) {
		return Target{}, fault.New(fault.Internal, "", "", "%.40q is not the id of a proof", id)
	}
	if s.held == "" {
		var ours bool
		if err := s.conn.QueryRow(ctx, fmt.Sprintf("SELECT pg_catalog.pg_try_advisory_lock(%d)", proofKey(name))).Scan(&ours); err != nil {
			return Target{}, s.from.Explain(ctx, err)
		}
		if !ours {
			return Target{}, fault.New(fault.Validation, fault.Busy, "Try again.", "another proof at %s holds the name %s", s.from.Host(), name)
		}
		s.held = name
	}
	err := CreateDatabase(ctx, s.from, name, l)
	s.made = s.made || !fault.HasReason(err, fault.AlreadyExists) // also where it is not known
	if err != nil {
		return Target{}, err
	}
	_, err = s.conn.Exec(ctx, "REVOKE ALL ON DATABASE "+QuoteIdent(name)+" FROM PUBLIC", pgx.QueryExecModeSimpleProtocol)
	return s.target.WithDatabase(name), s.from.Explain(ctx, err)
}

// proofDropTime bounds what is dropped at the end of a proof, whose context may have ended.
const proofDropTime = time.Minute

// Drop drops what Create made, with all connections to it, and closes the server.
func (s *ProofServer) Drop() (err error) {
	defer s.Close()
	if s.made {
		ctx, cancel := context.WithTimeout(context.Background(), proofDropTime)
		defer cancel()
		if err = s.drop(ctx, s.held); err != nil {
			err = fmt.Errorf("the database %s at %s is there still, and the next proof or cleanup drops it: %w", s.held, s.from.Host(), err)
		}
	}
	return err
}

// drop drops a proof's database, and nothing else. What runs in a backup may have made a template of it, which is not dropped.
func (s *ProofServer) drop(ctx context.Context, name string) error {
	if !proofName().MatchString(name) {
		return fault.New(fault.Internal, "", "", "the database %.70q is not one of a proof", name)
	}
	template, err := s.texts(ctx, "SELECT datname::text FROM pg_catalog.pg_database WHERE datistemplate AND datname = "+QuoteLiteral(name))
	if err == nil && len(template) > 0 {
		_, err = s.conn.Exec(ctx, "ALTER DATABASE "+QuoteIdent(name)+" IS_TEMPLATE false", pgx.QueryExecModeSimpleProtocol)
	}
	if err != nil && s.conn.IsClosed() { // a function may end every session of its role
		conn, cerr := s.from.Connect(ctx)
		if cerr != nil {
			return cerr
		}
		s.conn = conn
		return s.drop(ctx, name)
	}
	if err != nil {
		return s.from.Explain(ctx, err)
	}
	return DropDatabase(ctx, s.from, name)
}

// Sweep drops what killed proofs left on the server, as far as it belongs to the target's role, and returns the names.
func (s *ProofServer) Sweep(ctx context.Context) (dropped []string, err error) {
	names, err := s.texts(ctx, `SELECT datname::text FROM pg_catalog.pg_database
		WHERE pg_catalog.left(datname::text, 12) = '`+proofPrefix+`' AND pg_catalog.pg_has_role(current_user, datdba, 'USAGE') ORDER BY 1`)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	// Asked for afterwards: a proof has its lock before its database, and until that is gone. Objsubid 1 is a lock of one key.
	locks, err := s.texts(ctx, `SELECT ((classid::bigint << 32) | objid::bigint)::text FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND objsubid = 1`)
	if err != nil {
		return nil, err
	}
	live := make(map[string]bool, len(locks))
	for _, key := range locks {
		live[key] = true
	}
	for _, name := range names {
		if !proofName().MatchString(name) || live[fmt.Sprint(proofKey(name))] {
			continue
		}
		if derr := s.drop(ctx, name); derr != nil { // the others are no less left
			err = errors.Join(err, fmt.Errorf("the database %s: %w", name, derr))
			continue
		}
		dropped = append(dropped, name)
	}
	return dropped, err
}

func (s *ProofServer) texts(ctx context.Context, query string) ([]string, error) {
	rows, err := s.conn.Query(ctx, query)
	if err != nil {
		return nil, s.from.Explain(ctx, err)
	}
	out, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return out, s.from.Explain(ctx, err)
}

// Close hangs up, which ends the lock. What was made stays until it is swept.
func (s *ProofServer) Close() { Close(s.conn) }
