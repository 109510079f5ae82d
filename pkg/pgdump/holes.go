package pgdump

import "fmt"

// A Hole is a published weakness of PostgreSQL's client programs.
type Hole struct {
	CVE    string // "CVE-2026-6477"
	Detail string // what it lets whom do
	Fixed  string // first version of the client's major without it; "" when its major gets no more fixes
}

// holes are those that a backup or a restore comes near, with the first minor version of each major without them.
// Majors above the newest one listed never had them. See https://www.postgresql.org/support/security/.
var holes = []struct {
	Hole
	fixed map[int]int
}{
	{Hole{CVE: "CVE-2026-6477", Detail: "the server may overwrite memory of a pg_dump that reads large objects"},
		map[int]int{18: 4, 17: 10, 16: 14, 15: 18, 14: 23}},
	{Hole{CVE: "CVE-2025-12818", Detail: "the server may make libpq write beyond its memory"},
		map[int]int{18: 1, 17: 7, 16: 11, 15: 15, 14: 20, 13: 23}},
	{Hole{CVE: "CVE-2025-8714", Detail: "a superuser of the source may put psql's commands into a script, which run where it is restored"},
		map[int]int{18: 0, 17: 6, 16: 10, 15: 14, 14: 19, 13: 22}},
}

// Holes lists the known weaknesses of a client, newest first.
func (c Client) Holes() []Hole {
	var found []Hole
	for _, h := range holes {
		minor, listed := h.fixed[c.Major]
		switch {
		case listed && c.Minor < minor:
			h.Fixed = fmt.Sprintf("%d.%d", c.Major, minor)
		case listed || c.Major > 18:
			continue
		}
		found = append(found, h.Hole)
	}
	return found
}
