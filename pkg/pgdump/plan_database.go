package pgdump

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/postgres"
)

// noEncoding is PostgreSQL's word for text whose encoding nobody knows: bytes as they came.
const noEncoding = "SQL_ASCII"

// checkLocale settles how the database to create stores and sorts text, or says what will be otherwise in the one that is there.
func (p *plan) checkLocale() error {
	from, choice := p.input.origin, p.options.Locale
	if !p.options.Create {
		if choice.Sorts() {
			return fault.New(fault.Validation, fault.InvalidInput, "Leave it out, or add --create.", "a locale is for a database that is created, and %q exists already", p.to.Name)
		}
		p.compareLocale(from)
		return nil
	}
	if !from.described && !choice.Sorts() || from.locale.Encoding == "" && choice.Encoding == "" {
		return fault.New(fault.Validation, fault.InvalidInput,
			"Say it with --encoding and --locale, such as --encoding UTF8 --locale C.UTF-8 (psql's \\l shows them on the old server), or create the database by hand and leave --create out.",
			"the backup does not say how its database stored and sorted text: it is an SQL script of an older cofre")
	}
	p.locale = choice.Over(from.locale)
	if from.tablespace != "" && !slices.Contains(p.to.Tablespaces, from.tablespace) {
		p.remark("the target server has no tablespace %q: the database is created in the default one", from.tablespace)
	}
	if choice.Sorts() && from.described && !p.locale.SortsLike(from.locale) {
		p.remark("database %q will sort text as %s, the backup's as %s: what is sorted or partitioned by text may differ", p.to.Name, p.locale, from.locale)
	}
	return p.locale.Fits(p.to.Major)
}

func (p *plan) compareLocale(from origin) {
	there, known := p.to.Locale, from.described
	switch sorted := !known || there.SortsLike(from.locale); {
	case from.locale.Encoding != "" && from.locale.Encoding != there.Encoding && sorted:
		p.remark("database %q stores text as %s, the backup's as %s", p.to.Name, there.Encoding, from.locale.Encoding)
	case !sorted:
		p.remark("database %q stores and sorts text as %s, the backup's as %s: what is sorted or partitioned by text may differ", p.to.Name, there, from.locale)
	}
}

// checkBytes refuses text that nobody knows the encoding of where an encoding is asked for: the server would take the
// bytes as they are, valid or not. What is said of them by --encoding is checked by the server instead.
func (p *plan) checkBytes() error {
	encoding := p.to.Locale.Encoding
	if p.options.Create {
		encoding = p.locale.Encoding
	}
	if p.input.origin.locale.Encoding != noEncoding || encoding == noEncoding || p.options.Locale.Encoding != "" {
		return nil
	}
	return fault.New(fault.Validation, fault.InvalidInput,
		"Let --create make a database like the backup's, or say what the bytes are with --encoding, such as --encoding UTF8 or LATIN1: what is not valid in it is refused then.",
		"the backup's database has the encoding %s, so that its text may be of any, and %q has %s: bytes could become invalid; nothing was changed", noEncoding, p.to.Name, encoding)
}

// clientEncoding is the encoding to read the dump in instead of what it says; "" is what it says.
func (p *plan) clientEncoding() string {
	if p.input.origin.locale.Encoding == noEncoding && (!p.options.Create || p.locale.Encoding != noEncoding) {
		return p.options.Locale.Encoding
	}
	return ""
}

// createDatabase makes the database, with the settings that what is restored may depend on.
func (p *plan) createDatabase(ctx context.Context, report *RestoreReport) error {
	from := p.input.origin
	tablespace := from.tablespace
	if !slices.Contains(p.to.Tablespaces, tablespace) {
		tablespace = ""
	}
	if err := p.to.Create(ctx, p.locale, tablespace); err != nil {
		return err
	}
	if err := p.tryForbidden(ctx); err != nil {
		// What was made for the question goes again. A database that stays is no reason for another message.
		_ = p.to.Drop(context.WithoutCancel(ctx))
		return err
	}
	var settings []string
	for _, s := range from.statements {
		if s.Setting() {
			settings = append(settings, s.Named(p.to.Name))
			p.to.ReadOnly = p.to.ReadOnly || s.Sets("default_transaction_read_only")
		}
	}
	return p.run(ctx, settings, report)
}

// finishDatabase gives a created database what would be in the way before: owner, rights, connection limit. Of one that
// existed it lists what the backup's had.
func (p *plan) finishDatabase(ctx context.Context, report *RestoreReport) error {
	var statements []string
	if owner := p.input.origin.owner; owner != "" && !p.options.NoOwner && owner != p.owner() {
		statements = append(statements, "ALTER DATABASE "+postgres.QuoteIdent(p.to.Name)+" OWNER TO "+postgres.QuoteIdent(owner))
	}
	for _, s := range p.input.origin.statements {
		if p.options.NoPrivileges && s.Grants() || p.options.Create && s.Setting() {
			continue
		}
		statements = append(statements, s.Named(p.to.Name))
	}
	if p.options.Create {
		return p.run(ctx, statements, report)
	}
	for _, s := range statements {
		report.Statements = append(report.Statements, s+";")
	}
	return nil
}

// owner is the role that the database belongs to before finishDatabase.
func (p *plan) owner() string {
	if p.options.Create {
		return p.to.Role
	}
	return p.to.Owner
}

// run executes statements about the database. Those that the server refuses are reported as left to do: the data is
// worth more than one of them.
func (p *plan) run(ctx context.Context, statements []string, report *RestoreReport) error {
	refused, err := p.to.Run(ctx, statements)
	for _, r := range refused {
		report.Statements = append(report.Statements, fmt.Sprintf("%s; -- %s", r.Statement, strings.Join(strings.Fields(r.Reason), " ")))
	}
	return err
}
