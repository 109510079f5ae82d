package pgdump

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// Needs are what an archive expects of the server that it is restored into, besides room.
type Needs struct {
	Roles      []string // that own something, or are named in it
	Extensions []postgres.WantedExtension
}

// NeedsOf reads an archive's table of contents.
func NeedsOf(h *archive.Head) Needs {
	roles, owners := map[string]bool{}, map[string]string{} // of schemas
	var n Needs
	for i := range h.Entries {
		e := &h.Entries[i]
		if ownable(e) {
			roles[e.Owner] = true
		}
		for _, m := range roleMentions(e) {
			roles[m.name] = true
		}
		switch e.Desc {
		case "SCHEMA":
			owners[e.Tag] = e.Owner
		case "EXTENSION":
			n.Extensions = append(n.Extensions, postgres.WantedExtension{Name: e.Tag, Schema: behind(postgres.Tokens(e.Defn), "with", "schema")})
		}
	}
	for i, x := range n.Extensions {
		n.Extensions[i].SchemaOwner = owners[x.Schema]
	}
	n.Roles = slices.Sorted(maps.Keys(roles))
	return n
}

// Bounds of what a script may need.
const (
	maxScriptRoles      = 10_000
	maxScriptExtensions = 1_000
)

// NeedsOfScript reads a script to its end and returns what it expects, as pg_dump writes that: at the beginning of lines outside of rows. Such a
// line inside a function's body counts as well: one role more does no harm. Extensions in schemas that the script makes itself are not among them.
func NeedsOfScript(r io.Reader) (Needs, error) {
	in, roles, extensions := bufio.NewReaderSize(r, maxStatementLine), map[string]bool{}, map[string]string{}
	for begins, rows := true, false; ; {
		line, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return Needs{}, err
		}
		switch {
		case !begins:
		case rows:
			rows = !bytes.Equal(bytes.TrimRight(line, "\r\n"), []byte(`\.`))
		case bytes.HasPrefix(line, []byte("COPY ")):
			rows = bytes.HasSuffix(bytes.TrimRight(line, "\r\n"), []byte(" FROM stdin;"))
		default:
			needsOfLine(line, roles, extensions)
		}
		if len(roles) > maxScriptRoles || len(extensions) > maxScriptExtensions {
			return Needs{}, fault.New(fault.Validation, fault.StructureDamaged, "Look into the script: no database has as many.", "the script names more than %d roles or %d extensions", maxScriptRoles, maxScriptExtensions)
		}
		if begins = err == nil; errors.Is(err, io.EOF) {
			break
		}
	}
	n := Needs{Roles: slices.Sorted(maps.Keys(roles))}
	for _, name := range slices.Sorted(maps.Keys(extensions)) {
		n.Extensions = append(n.Extensions, postgres.WantedExtension{Name: name, Schema: extensions[name]})
	}
	return n, nil
}

// roleLines begin the lines of a script that name roles.
var roleLines = [][]byte{[]byte("ALTER "), []byte("GRANT "), []byte("REVOKE "), []byte("SET SESSION AUTHORIZATION "), []byte("SET ROLE "), []byte("CREATE POLICY "), []byte("CREATE USER MAPPING ")}

func needsOfLine(line []byte, roles map[string]bool, extensions map[string]string) {
	if bytes.HasPrefix(line, []byte("CREATE EXTENSION ")) {
		t := postgres.Tokens(string(line))
		name := behind(t, "create", "extension", "if", "not", "exists")
		if name == "" {
			name = behind(t, "create", "extension")
		}
		if schema := behind(t, "with", "schema"); name != "" && (schema == "" || schema == "public" || schema == "pg_catalog") {
			extensions[name] = schema
		}
		return
	}
	if !slices.ContainsFunc(roleLines, func(begin []byte) bool { return bytes.HasPrefix(line, begin) }) {
		return
	}
	t := postgres.Tokens(string(line))
	if t[0].Is("alter") && !follows(t, "default", "privileges") {
		if owner := behind(t, "owner", "to"); owner != "" {
			roles[owner] = true
		}
		return
	}
	if role := behind(t, "set", "role"); role != "" {
		roles[role] = true
		return
	}
	for _, m := range mentionsIn(t, 1) {
		roles[m.name] = true
	}
}
