package overview

import (
	"time"

	"cofre/pkg/quantity"
)

// Copies says how far one second location is behind with one source.
type Copies struct {
	Place   string
	Last    *Ref      // the newest good backup that holds everything and is there; nil where none of the last ones is
	Lacking int       // how many newer ones are not, as far as was looked
	Since   time.Time // when the oldest of those was made
	Unknown string    // why nothing is known; "" where the place answered
}

// copyGrace is how long a copy may take.
const copyGrace = 24 * time.Hour

// Late tells whether the place is behind for longer than a copy may take.
func (c Copies) Late(now time.Time) bool {
	return c.Unknown == "" && c.Lacking > 0 && now.Sub(c.Since) > copyGrace
}

// NoteCopies adds what a second location has of a source.
func (o *Overview) NoteCopies(source string, c Copies) {
	s := o.Source(source)
	if s == nil {
		return
	}
	s.Copies = append(s.Copies, c)
	f := Finding{Code: CopyLate, Severity: Warning, Hint: "Copy what lacks: cofre copy. Look why that was not done before."}
	switch {
	case c.Unknown != "":
		f.Code, f.Text, f.Hint = CopyUnknown, "what its second location "+c.Place+" has is not known: "+c.Unknown, "Look whether that location can be reached, and may be read."
	case c.Late(o.At) && c.Last == nil:
		f.Text, f.Since = "none of its last backups is in its second location "+c.Place, c.Since.Add(copyGrace)
	case c.Late(o.At):
		f.Text, f.Since = "its second location "+c.Place+" is "+Ago(o.At.Sub(c.Since))+" behind: "+quantity.Plural(c.Lacking, "backup")+" not copied", c.Since.Add(copyGrace)
	default:
		return
	}
	s.Findings = append(s.Findings, f)
	s.State, o.State = worse(s.State, f.Severity), worse(o.State, f.Severity)
}
