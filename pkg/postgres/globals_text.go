package postgres

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"cofre/pkg/fault"
	"cofre/pkg/jsonlist"
)

// Globals lie beside a backup as an SQL script that people can read and psql can run. cofre itself executes none of that text. The first
// line is a comment that holds all of it as JSON, which has no line breaks whatever names hold, and the statements behind it were
// made from that line. A restore reads the line alone and writes its own statements anew, every name and value quoted: so whoever can
// write to the bucket can have roles made, as in any backup, but no statements of other kinds. One object instead of two cannot come
// apart, and has one hash.

// MaxGlobals bounds the script, in bytes: some 20,000 roles.
const MaxGlobals = 16 << 20

const (
	globalsVersion = 2
	globalsMark    = "-- cofre globals "
	maxGlobals     = 100_000 // of each list
	maxUnread      = 100
)

var errGlobals = errors.New("it does not begin as what cofre writes")

// Script writes the globals as they are kept.
func (g Globals) Script() ([]byte, error) {
	data, err := json.Marshal(g) // escapes <, > and &, which does no harm
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%d %s\n", globalsMark, globalsVersion, data)
	b.WriteString("-- A restore by cofre reads the line above alone. These statements say the same, for people and for psql:\n\n")
	for _, sql := range g.statements() {
		b.WriteString(sql + ";\n")
	}
	if b.Len() > MaxGlobals {
		return nil, fault.New(fault.Validation, fault.LimitReached, "Keep them with pg_dumpall --globals-only.", "the roles and tablespaces of the server are more than %d MB of SQL", MaxGlobals>>20)
	}
	return b.Bytes(), nil
}

// statements are for people and for psql, whatever encoding that is told to use: an encoding's own idea of where a letter ends must not
// end a name.
func (g Globals) statements() []string {
	out := []string{"SET client_encoding = 'UTF8'"}
	for _, r := range g.Roles {
		out = append(append(out, r.create()), r.notes(r.object())...)
	}
	for _, m := range g.Memberships {
		out = append(out, m.grant(true, true))
	}
	for _, s := range g.Settings {
		out = append(out, s.set())
	}
	for _, p := range g.Parameters {
		out = append(out, p.by(p.grant()))
	}
	for _, t := range g.Tablespaces {
		out = append(out, t.create())
		if sql := t.ownerLacks(); sql != "" {
			out = append(out, sql)
		}
		for _, p := range t.others() {
			out = append(out, p.by(t.grant(p)))
		}
		out = append(out, t.notes(t.object())...)
	}
	return out
}

// ParseGlobals reads what Script wrote, out of a place where others may write.
func ParseGlobals(script []byte) (g Globals, err error) {
	if len(script) > MaxGlobals {
		return g, fault.New(fault.Validation, fault.StructureDamaged, lookAtGlobals, "there are %d bytes of globals, more than %d MB", len(script), MaxGlobals>>20)
	}
	line, _, _ := bytes.Cut(script, []byte("\n"))
	rest, ok := bytes.CutPrefix(line, []byte(globalsMark))
	number, rest, _ := bytes.Cut(rest, []byte(" "))
	version, verr := strconv.Atoi(string(number))
	switch {
	case !ok || verr != nil || version < 1:
		err = errGlobals
	case version > globalsVersion:
		return g, fault.New(fault.Validation, fault.NewerVersion, "Upgrade cofre on this machine.", "the globals were written by a newer cofre")
	default:
		if err = g.decode(rest); err == nil {
			err = g.check()
		}
	}
	if err != nil {
		return Globals{}, fault.Wrap(err, fault.Validation, fault.StructureDamaged, lookAtGlobals, "the globals are not what cofre writes there")
	}
	return g, nil
}

const lookAtGlobals = "Find out who could write to the bucket. Nothing was changed."

// decode reads the lists, each in memory that grows with the text.
func (g *Globals) decode(data []byte) (err error) {
	for m := range jsonlist.Members(data) {
		if err = m.Err; err == nil {
			switch m.Name {
			case "server":
				err = json.Unmarshal(m.Value, &g.Server)
			case "roles":
				g.Roles, err = jsonlist.All[GlobalRole](m.Value, maxGlobals, len(`{"name":"x"}`))
			case "memberships":
				g.Memberships, err = jsonlist.All[Membership](m.Value, maxGlobals, len(`{"role":"x","member":"y"}`))
			case "settings":
				g.Settings, err = jsonlist.All[RoleSetting](m.Value, maxGlobals, len(`{"name":"y","value":""}`))
			case "parameters":
				g.Parameters, err = jsonlist.All[ParameterGrant](m.Value, maxGlobals, len(`{"name":"x","privilege":"SET","to":""}`))
			case "unread":
				g.Unread, err = jsonlist.All[string](m.Value, maxUnread, len(`"x"`))
			case "tablespaces":
				g.Tablespaces, err = jsonlist.All[Tablespace](m.Value, maxGlobals, len(`{"name":"x","owner":"y","location":""}`))
			default:
				err = fmt.Errorf("it holds %.40q", m.Name)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (g *Grants) UnmarshalJSON(data []byte) (err error) {
	*g, err = jsonlist.All[Grant](data, maxGlobals, len(`{"to":""}`))
	return err
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *SecurityLabels) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.All[SecurityLabel](data, maxUnread, len(`{"provider":"x","label":"y"}`))
	return err
}

// check makes sure that the globals are what a server can have, and what cofre keeps of one.
func (g Globals) check() error {
	if len(g.Roles) > maxGlobals || len(g.Memberships) > maxGlobals || len(g.Settings) > maxGlobals || len(g.Parameters) > maxGlobals || len(g.Tablespaces) > maxGlobals {
		return fmt.Errorf("there are more than %d of a kind", maxGlobals)
	}
	if err := cleanNames(g.Unread...); err != nil {
		return err
	}
	for _, r := range g.Roles {
		if err := cleanNames(r.Name); err != nil {
			return err
		}
		switch {
		case !kept(r.Name):
			return fmt.Errorf("role %q is not one to keep", r.Name)
		case r.Connections < -1 || r.Connections > 1<<30:
			return fmt.Errorf("role %q has a limit of %d connections", r.Name, r.Connections)
		case r.Password != "" && !hashed(r.Password):
			return fmt.Errorf("the password of role %q is not a hash", r.Name)
		case !clean(r.ValidUntil, 64):
			return fmt.Errorf("role %q is valid until %.80q", r.Name, r.ValidUntil)
		}
		if err := r.Remarks.check(r.Name); err != nil {
			return err
		}
	}
	for _, m := range g.Memberships {
		if err := cleanNames(m.Role, m.Member); err != nil {
			return err
		}
		if !clean(m.Grantor, maxGlobalName) {
			return fmt.Errorf("the grantor %.80q cannot be", m.Grantor)
		}
	}
	for _, s := range g.Settings {
		if err := cleanNames(s.Name); err != nil {
			return err
		}
		if !clean(s.Role, maxGlobalName) || !clean(s.Value, 1<<20) {
			return fmt.Errorf("the value of %q of role %.80q is not UTF-8, or too long", s.Name, s.Role)
		}
	}
	for _, p := range g.Parameters {
		if err := cleanNames(p.Name); err != nil {
			return err
		}
		if err := p.check(); err != nil {
			return err
		}
		if p.Privilege != "SET" && p.Privilege != "ALTER SYSTEM" {
			return fmt.Errorf("there is no privilege %.80q on parameters", p.Privilege)
		}
	}
	for _, t := range g.Tablespaces {
		if err := t.check(); err != nil {
			return err
		}
	}
	return nil
}

func (t Tablespace) check() error {
	if err := cleanNames(t.Name, t.Owner); err != nil {
		return err
	}
	for _, o := range t.Options {
		if name, _, ok := strings.Cut(o, "="); !ok || name == "" || !clean(o, 256) {
			return fmt.Errorf("tablespace %q has the option %.80q", t.Name, o)
		}
	}
	for _, p := range t.Grants {
		if err := p.check(); err != nil {
			return err
		}
	}
	if !clean(t.Location, 4096) || strings.HasPrefix(t.Name, "pg_") || t.Location != "" && path.Clean("/"+t.Location) == "/" {
		return fmt.Errorf("tablespace %q lies at %.80q", t.Name, t.Location)
	}
	return t.Remarks.check(t.Name)
}

func (g Grant) check() error {
	if !clean(g.To, maxGlobalName) || !clean(g.Grantor, maxGlobalName) {
		return fmt.Errorf("the grant of %.80q to %.80q cannot be", g.Grantor, g.To)
	}
	return nil
}

func (r Remarks) check(of string) error {
	if !clean(r.Comment, 1<<20) || len(r.Labels) > maxUnread {
		return fmt.Errorf("the comment on %q is not UTF-8 or too long, or it has more than %d security labels", of, maxUnread)
	}
	for _, l := range r.Labels {
		if !clean(l.Label, 1<<20) || cleanNames(l.Provider) != nil {
			return fmt.Errorf("the security label on %q is not UTF-8, or too long", of)
		}
	}
	return nil
}

// maxGlobalName bounds names, in bytes: servers may be built with longer ones than maxName.
const maxGlobalName = 1024

func cleanNames(names ...string) error {
	for _, n := range names {
		if n == "" || !clean(n, maxGlobalName) {
			return fmt.Errorf("the name %.80q is empty, too long or not UTF-8", n)
		}
	}
	return nil
}

func clean(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// hashed reports whether the server takes a password for a hash and keeps it as it is: see get_password_type in crypt.c.
func hashed(password string) bool {
	if len(password) > 512 || !clean(password, 512) {
		return false
	}
	if rest, ok := strings.CutPrefix(password, "SCRAM-SHA-256$"); ok {
		return strings.Count(rest, "$") == 1 && strings.Count(rest, ":") == 2 && !strings.ContainsAny(rest, "'\\\n ")
	}
	rest, ok := strings.CutPrefix(password, "md5")
	return ok && len(rest) == 32 && strings.Trim(rest, "0123456789abcdef") == ""
}
