package source

import "cofre/pkg/jsonlist"

// The lists of a record, which are refused where they are longer than what is kept of them.
type (
	Identities []Identity
	Addresses  []string // host:port, as configured
	Moves      []Move
)

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Identities) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.All[Identity](data, maxExpected, 0)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Addresses) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.All[string](data, maxAddresses, 0)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Moves) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.All[Move](data, maxMoves, 0)
	return err
}
