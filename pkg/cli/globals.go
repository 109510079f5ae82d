package cli

import (
	"fmt"
	"strings"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
)

// globalsText says what of the server was kept with a backup; "" where nothing was to be.
func globalsText(b backup.Backup) string {
	switch g := b.Globals; {
	case g == nil:
		return ""
	case g.Missing != "":
		return "roles and tablespaces were not kept: " + g.Missing
	case g.Passwords:
		return "roles with hashes of their passwords, tablespaces" + withoutText(g.Without)
	}
	return "roles without passwords, tablespaces" + withoutText(b.Globals.Without)
}

// withoutText says what of the globals could not be read; "" for nothing.
func withoutText(without []string) string {
	if len(without) == 0 {
		return ""
	}
	return "; not kept: " + strings.Join(without, ", ")
}

// globalsLines say what was made of the globals on a server, and what was not.
func globalsLines(g *backup.GlobalsReport) (done string, more []string) {
	if g == nil {
		return "", nil
	}
	done = term.Plural(len(g.Roles), "role") + ", " + term.Plural(g.Memberships, "membership") + ", " + term.Plural(g.Settings, "setting") + ", "
	if g.Privileges > 0 {
		done += term.Plural(g.Privileges, "privilege") + ", "
	}
	if g.Comments > 0 {
		done += term.Plural(g.Comments, "comment") + ", "
	}
	done += term.Plural(len(g.Tablespaces), "tablespace") + "; " + fmt.Sprintf("%d that were there are left alone", g.There)
	for _, line := range g.NotMade {
		more = append(more, "not made: "+line)
	}
	for _, line := range g.Lesser {
		more = append(more, "made: "+line)
	}
	if n := len(g.NoPassword); n > 0 {
		more = append(more, term.Plural(n, "role")+" may log in and have no password yet, the first is "+g.NoPassword[0])
	}
	return done, more
}

// maxGlobalsLines bounds what is said of them.
const maxGlobalsLines = 30

// madeGlobals notes what was made of the globals on a server.
func (p *program) madeGlobals(g *backup.GlobalsReport) {
	done, more := globalsLines(g)
	if done == "" {
		return
	}
	p.note("made: %s", done)
	for i, line := range more {
		if i == maxGlobalsLines {
			p.note("and %d more", len(more)-i)
			break
		}
		p.note("%s %s", p.screen.Yellow("warning:"), term.Clean(line))
	}
}
