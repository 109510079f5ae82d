// Package source says what is backed up: a source is a named thing that stands for one database on one server.
//
// Everything that is said of backups over time (retention, schedules, overdue, figures, estimates) goes by the source's
// name and never by the database's, because two servers may each have a database of one name. A source's [Record] keeps
// by which server it is known; [Record.Admit] decides whether what a connection reached is that server. It is pure.
package source

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/fault"
)

// Server is what one connection reached: which database, on which server.
type Server struct {
	// SystemIdentifier is the cluster's, from its control file; "" where the role may not read it. Standbys and clones
	// have their primary's.
	SystemIdentifier string `json:"systemIdentifier,omitempty"`
	// Host and Port are the address that was reached, as it is configured: a name, an address or a socket's folder.
	Host        string `json:"host,omitempty"`
	Port        string `json:"port,omitempty"`
	Database    string `json:"database,omitempty"`
	DatabaseOID uint32 `json:"databaseOid,omitempty"`
	// Configured are all addresses of the connection's own list of hosts, Host and Port among them. Not kept in records.
	Configured []string `json:"-"`
	// InRecovery tells that the server is a standby.
	InRecovery bool `json:"-"`
}

// Address joins a host and a port to the form in which addresses are compared and kept.
func Address(host, port string) string { return host + ":" + port }

// Address is the one that was reached.
func (s Server) Address() string { return Address(s.Host, s.Port) }

// addresses are all that the connection itself says to be one server.
func (s Server) addresses() []string {
	if len(s.Configured) > 0 {
		return s.Configured
	}
	return []string{s.Address()}
}

// describe names a server for people.
func (s Server) describe() string { return s.at(s.Address()) }

// Record is sources/<name>.json: by which server a source is known.
type Record struct {
	Version int    `json:"version"`
	Name    string `json:"name"`
	// FirstSeen is when the source was first heard of, by the clock of whoever did.
	FirstSeen time.Time `json:"firstSeen"`
	Identity
	// Expected are servers that the source may move to without being asked again, because one of its backups was restored
	// there. The first backup made from one of them is the move.
	Expected Identities `json:"expected,omitempty"`
	// Adopted tells that backups of the database's name from before sources were known belong to this source.
	Adopted bool `json:"adopted,omitempty"`
	// Vanished is when its database was found to be gone from the server that its source follows; zero while it is there.
	Vanished time.Time `json:"vanished,omitzero"`
	Moves    Moves     `json:"moves,omitempty"` // the newest last; at most maxMoves
}

// Identity is what a server is known by. The zero value is nobody yet.
type Identity struct {
	Database         string    `json:"database,omitempty"`
	SystemIdentifier string    `json:"systemIdentifier,omitempty"`
	Addresses        Addresses `json:"addresses,omitempty"` // host:port, as configured; at most maxAddresses
}

// Move is one change of a source's server.
type Move struct {
	At   time.Time `json:"at"`
	By   string    `json:"by,omitempty"`
	From Identity  `json:"from"`
	To   Identity  `json:"to"`
}

// Bounds of what a record keeps.
const (
	maxAddresses = 32
	maxMoves     = 20
	maxExpected  = 8
)

// known tells whether a server was ever seen.
func (i Identity) known() bool { return len(i.Addresses) > 0 }

func (i Identity) describe() string {
	const most = 5
	addresses := strings.Join(i.Addresses[:min(most, len(i.Addresses))], ", ")
	if more := len(i.Addresses) - most; more > 0 {
		addresses += fmt.Sprintf(" and %d more", more)
	}
	return Server{Database: i.Database, SystemIdentifier: i.SystemIdentifier}.at(addresses)
}

func (s Server) at(addresses string) string {
	text := fmt.Sprintf("database %.80q at %.1500s", s.Database, addresses) // a record may hold anything
	if s.SystemIdentifier != "" {
		text += fmt.Sprintf(" (system identifier %.30s)", s.SystemIdentifier)
	}
	return text
}

// admits decides whether s is this server, and why not.
func (i Identity) admits(s Server) (ok bool, why string) {
	shared := slices.ContainsFunc(s.addresses(), func(a string) bool { return slices.Contains(i.Addresses, a) })
	switch {
	case i.Database != "" && s.Database != "" && i.Database != s.Database:
		return false, "it is another database"
	case i.SystemIdentifier != "" && s.SystemIdentifier != "" && i.SystemIdentifier != s.SystemIdentifier:
		return false, "it is another server"
	case shared:
		return true, ""
	case i.SystemIdentifier != "" && i.SystemIdentifier == s.SystemIdentifier && s.InRecovery:
		return true, ""
	case i.SystemIdentifier != "" && i.SystemIdentifier == s.SystemIdentifier:
		return false, "it has the same system identifier, is no standby, and its address was never seen: a promoted standby or a clone"
	}
	return false, "its address was never seen, and its system identifier cannot be compared"
}

// learn adds what s tells.
func (i Identity) learn(s Server) Identity {
	i.Addresses = slices.Clone(i.Addresses)
	for _, a := range s.addresses() {
		if !slices.Contains(i.Addresses, a) && len(i.Addresses) < maxAddresses {
			i.Addresses = append(i.Addresses, a)
		}
	}
	if i.Database == "" {
		i.Database = s.Database
	}
	if i.SystemIdentifier == "" {
		i.SystemIdentifier = s.SystemIdentifier
	}
	return i
}

// Admit decides whether what a connection reached is the source's server, and returns the record that holds from then
// on: with what was learned, and with the move when the server was expected. A nobody is admitted. Otherwise the fault has
// the reason server_changed and names both servers and the ways out. The database's oid refuses nothing.
func (r Record) Admit(s Server, now time.Time) (Record, error) {
	if !r.known() {
		r.Identity = r.Identity.learn(s)
		return r, nil
	}
	ok, why := r.admits(s)
	if ok {
		r.Identity = r.Identity.learn(s)
		return r, nil
	}
	for n, e := range r.Expected {
		if expected, _ := e.admits(s); expected {
			r.Expected = slices.Delete(slices.Clone(r.Expected), n, n+1)
			return r.moved(s, "a restore", now), nil
		}
	}
	return r, fault.New(fault.Validation, fault.ServerChanged,
		"If it is another database, give it a source name of its own (BACKUP_SOURCE, or --source). If the source has moved to this server, say so once: cofre source moved "+Quote(r.Name)+".",
		"the source %q is %s, and this connection reaches %s: %s", r.Name, r.Identity.describe(), s.describe(), why)
}

// Moved is the record after somebody said that the source is now where s is. A clone or a promoted standby of the same
// cluster adds its address; another cluster takes the place of the old one.
func (r Record) Moved(s Server, by string, now time.Time) Record { return r.moved(s, by, now) }

func (r Record) moved(s Server, by string, now time.Time) Record {
	from := r.Identity
	same := from.SystemIdentifier != "" && from.SystemIdentifier == s.SystemIdentifier && from.Database == s.Database
	to := Identity{}.learn(s)
	if same {
		to = from.learn(s)
	}
	r.Identity = to
	r.Moves = append(slices.Clone(r.Moves), Move{At: now.UTC().Truncate(time.Second), By: by, From: from, To: to})
	if over := len(r.Moves) - maxMoves; over > 0 {
		r.Moves = r.Moves[over:]
	}
	return r
}

// Expect is the record after a backup of the source was restored into the database that s is: the next backup that is
// made there under the source's name is no surprise. Until then the source stays where it is.
func (r Record) Expect(s Server) Record {
	if ok, _ := r.admits(s); ok || !r.known() {
		return r
	}
	for _, e := range r.Expected {
		if ok, _ := e.admits(s); ok {
			return r
		}
	}
	r.Expected = append(slices.Clone(r.Expected), Identity{}.learn(s))
	if over := len(r.Expected) - maxExpected; over > 0 {
		r.Expected = r.Expected[over:]
	}
	return r
}

// maxName is how long a source's name may be, in bytes: PostgreSQL's limit of a database's name.
const maxName = 63

// CheckName refuses what cannot be a source's name. Every name of a database can.
func CheckName(name string) error {
	hint := "Use letters, digits, dashes, dots and underscores, such as shop-production."
	switch {
	case name == "":
		return fault.New(fault.Validation, fault.InvalidInput, hint, "the source has no name")
	case len(name) > maxName:
		return fault.New(fault.Validation, fault.InvalidInput, fmt.Sprintf("Use at most %d bytes.", maxName), "the source's name is too long (%d bytes)", len(name))
	case !utf8.ValidString(name):
		return fault.New(fault.Validation, fault.InvalidInput, hint, "the source's name is not UTF-8")
	case strings.ContainsFunc(name, unicode.IsControl):
		return fault.New(fault.Validation, fault.InvalidInput, hint, "the source's name %.80q holds a control character", name)
	}
	return nil
}

// Quote writes a name for a shell, where it needs that.
func Quote(name string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("._-/@+", c)
	}
	if name != "" && name[0] != '-' && !strings.ContainsFunc(name, func(c rune) bool { return !plain(c) }) {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
