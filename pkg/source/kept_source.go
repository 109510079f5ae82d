package source

// Trouble is why a source that is kept in the bucket is not taken.
type Trouble struct {
	Name      string
	Err       error
	Elsewhere bool // a source of its name stands elsewhere, and that one counts
}

// CheckKept refuses what cannot be said of a source over the API, and is not taken from the bucket: what names files or any variable of this machine,
// questions and rights of restores, which are in cofre.yaml alone. Names have no slash: databases that are followed have one.
func (s Settings) CheckKept() error {
	if err := CheckKeptName("source", s.Name); err != nil {
		return err
	}
	switch {
	case s.Checks != "":
		return refused("checks: questions of proofs are named in cofre.yaml alone")
	case len(s.Restore) > 0:
		return refused("restore: what may be restored to a source's server is said in cofre.yaml alone")
	case s.Ping != nil && s.Ping.AllowLocal:
		return refused("ping.allowLocal: that is allowed in cofre.yaml alone")
	case s.Connection.ways() != 1:
		return refused("connection: want exactly one of a variable, a secret of AWS Secrets Manager, and a URL")
	}
	if err := s.Connection.CheckKept("connection"); err != nil {
		return err
	}
	if s.Ping != nil {
		if err := s.Ping.Connection.CheckKept("ping"); err != nil {
			return err
		}
	}
	return s.Check()
}
