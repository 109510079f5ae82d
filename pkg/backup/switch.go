package backup

import (
	"context"
	"strings"
	"time"

	"cofre/pkg/dbname"
)

// SwitchRequest says which database is to take another's place.
type SwitchRequest struct {
	URL      string    // of the database whose name it takes, which may be gone
	Target   string    // a RestoreTarget's name, in place of URL
	Database string    // at the target: the name that it takes
	From     string    // on the same server
	Keep     string    // the name under which the database that has the name is kept; "" is one with the time
	Free     bool      // refuse where a database has the name
	At       time.Time // of Keep
}

// Switched says what a switch would do, or did.
type Switched struct {
	Database string `json:"database"` // the name that From has now
	Host     string `json:"host,omitempty"`
	From     string `json:"from"`
	Kept     string `json:"kept,omitempty"` // the name that the database has which was there before; "" when none was
	Sessions int    `json:"sessions"`       // of both databases, which were ended
	// Connected says whose they are, the most first; of very many, the first.
	Connected []Connected `json:"connected,omitempty"`
}

// Connected are sessions of one role in a database. What their programs call themselves, and where they come from, the server tells of the role's own
// alone, and of superusers' none.
type Connected struct {
	Database    string `json:"database"`
	Role        string `json:"role"`
	Application string `json:"application,omitempty"`
	Address     string `json:"address,omitempty"`
	Sessions    int    `json:"sessions"`
}

// LookAtSwitch tells what Switch would do and refuses what it would, and touches nothing.
func (s *Service) LookAtSwitch(ctx context.Context, req SwitchRequest) (Switched, error) {
	return s.switchDatabase(ctx, req, true)
}

// Switch gives a database, such as one that was restored, the name of another, which is kept under a name of its own: both in one
// transaction. The same with the names the other way round undoes it.
func (s *Service) Switch(ctx context.Context, req SwitchRequest) (Switched, error) {
	done, err := s.switchDatabase(ctx, req, false)
	if err == nil {
		s.Log.Info("database switched", "database", done.Database, "from", done.From, "kept", done.Kept, "sessions", done.Sessions)
	}
	return done, err
}

func (s *Service) switchDatabase(ctx context.Context, req SwitchRequest, look bool) (Switched, error) {
	if req.URL == "" && req.Target == "" {
		return Switched{}, invalid("For example: cofre switch shop_restored --to postgresql://user@host:5432/shop", "no database to take the place of was given")
	}
	if req.At.IsZero() {
		req.At = s.Now()
	}
	return s.Engine.Switch(ctx, req, look)
}

// KeptName is the name under which a database is kept that another takes the place of: shop_before_20260131_093000. It is no longer than
// PostgreSQL allows.
func KeptName(database string, at time.Time) string {
	suffix := "_before_" + at.UTC().Format("20060102_150405")
	return strings.ToValidUTF8(database[:min(len(database), dbname.Max-len(suffix))], "") + suffix
}
