package pgdump

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// omission is what pg_restore leaves out by an option of the same name (_tocEntryRequired in pg_backup_archiver.c). It is taken out of
// the table of contents, so that any pg_restore can do it, and before the target is held against it.
type omission struct {
	drop   func(e *archive.Entry) bool // entries
	change func(p *plan)               // or what is said of them
	args   []string                    // or pg_restore does it
}

// omissions are all, by the names of pg_restore's options without "no-".
var omissions = map[string]omission{
	"comments":        {drop: func(e *archive.Entry) bool { return e.Desc == "COMMENT" }},
	"policies":        {drop: kindAndComments("POLICY", "ROW SECURITY")},
	"publications":    {drop: kindAndComments("PUBLICATION", "PUBLICATION TABLE", "PUBLICATION TABLES IN SCHEMA")},
	"subscriptions":   {drop: kindAndComments("SUBSCRIPTION", "SUBSCRIPTION TABLE")},
	"security-labels": {drop: func(e *archive.Entry) bool { return e.Desc == "SECURITY LABEL" }},
	"tablespaces": {change: func(p *plan) {
		p.input.origin.tablespace = ""
		for i := range p.input.archive.head.Entries {
			p.input.archive.head.Entries[i].Tablespace = ""
		}
	}, args: []string{"--no-tablespaces"}},
	"table-access-method": {args: []string{"--no-table-access-method"}},
}

// kindAndComments reports entries of kinds, and what is said of the first of them.
func kindAndComments(kinds ...string) func(e *archive.Entry) bool {
	return func(e *archive.Entry) bool {
		return slices.Contains(kinds, e.Desc) || e.About() && strings.HasPrefix(e.Tag, kinds[0]+" ")
	}
}

// checkOmissions refuses names that mean nothing.
func checkOmissions(names []string) error {
	for _, n := range names {
		if _, known := omissions[n]; !known {
			return fault.New(fault.Validation, fault.InvalidInput, "Use "+strings.Join(slices.Sorted(maps.Keys(omissions)), ", ")+".", "%.40q is nothing that can be left out", n)
		}
	}
	return nil
}

// omit takes what is to be left out out of the archive's head.
func (p *plan) omit() {
	for _, name := range p.options.Omit {
		o := omissions[name]
		if o.change != nil {
			o.change(p)
		}
		if o.drop == nil {
			continue
		}
		h := p.input.archive.head
		before := len(h.Entries)
		h.Entries = slices.DeleteFunc(h.Entries, func(e archive.Entry) bool { return o.drop(&e) })
		if n := before - len(h.Entries); n > 0 {
			p.leaver.out = append(p.leaver.out, LeftOut{Entry: fmt.Sprintf("all %s (%s)", strings.ReplaceAll(name, "-", " "), count(n, "entry", "entries")), Reason: "by --no-" + name})
		}
	}
}

// lookAt looks at the target as the role that restores.
func lookAt(ctx context.Context, o *RestoreOptions, hold bool) (postgres.Destination, error) {
	look := postgres.LookAt
	if hold {
		look = postgres.LookToRestore
	}
	to, err := look(ctx, o.Target, o.Create, o.Retries)
	if err != nil || o.Role == "" {
		return to, err
	}
	if !slices.Contains(to.Roles, o.Role) {
		return to, fault.New(fault.Validation, fault.TargetLacks, "Create it, or leave --role out.", "the target server does not have the role %q to restore as; nothing was changed", o.Role)
	}
	login, held := to.Role, to.Hold
	o.Target = o.Target.WithRole(o.Role)
	to, err = postgres.LookAt(ctx, o.Target, o.Create, o.Retries)
	if to.Hold = held; err != nil {
		return to, fault.Wrap(err, fault.Permission, fault.MissingPrivilege, "Grant it: GRANT "+postgres.QuoteIdent(o.Role)+" TO "+postgres.QuoteIdent(login)+".",
			"role %q may not become %q; nothing was changed", login, o.Role)
	}
	return to, nil
}

// checkClient refuses what the programs or the server are too old for.
func (c Client) checkClient(o RestoreOptions) error {
	if o.TransactionSize > 0 && c.Major < transactionTimeoutSince {
		return fault.New(fault.Validation, fault.ClientTooOld, installHint(transactionTimeoutSince), "pg_restore %s knows no --transaction-size; nothing was changed", c.Version)
	}
	return nil
}

// checkTransactionSize refuses a server to which pg_restore's first command is an error, which it has to go on after.
func (p *plan) checkTransactionSize() error {
	if p.options.TransactionSize > 0 && !p.knowsTransactionTimeout() {
		return fault.New(fault.Validation, fault.TargetLacks, "Leave --transaction-size out.", "the server has version %s, and transactions of a size need %d or newer; nothing was changed", p.to.Version, transactionTimeoutSince)
	}
	return nil
}
