package registry

import (
	"math"

	"cofre/pkg/jsonlist"
)

// The lists of documents in the bucket, which whoever may write there can make as long as he likes. They are read with
// pkg/jsonlist: of those that only inform, the first elements are read; others end at what cofre writes at most, or have elements
// that no cofre writes shorter, so that no document takes much more memory than it is long.

// Verifications are looks at one backup.
type Verifications []Verification

// Problems are what one look found wrong.
type Problems []Problem

// Warnings are the tables of a backup that lost rows.
type Warnings []RowsLost

// LeftOut is what a proof did not compare, and what globals lack.
type LeftOut []string

// Asked is what became of the checks of a proof.
type Asked []CheckResult

// Patterns are names of schemas or tables as pg_dump takes them.
type Patterns []string

// Labels are names and values of the user's own.
type Labels map[string]string

// Blocks are places in an archive; see [Block.String].
type Blocks []string

// Parts of the summary of a page.
type (
	SourceTallies []Tally
	RowTallies    []RowTally
	Shapes        []Shape
	Refs          []Ref
	Losses        []Loss
	Users         map[string]int
)

const (
	readProblems = 5 * maxProblems // with those that doubt adds
	readLeftOut  = 100
	maxPatterns  = 5_000 // of one kind; ten times what a request may have
	maxLabels    = 1_000 // more than a request may have
	maxPages     = 100_000
	maxUsers     = 100_000
)

// Bytes of the shortest elements that a cofre can have written.
const (
	shortRecord = 200 // without any text but an id and a path
	shortPage   = 300 // its key, ids and sums
	shortTally  = 60  // a source, a count, what became of it, its attempts and its rows
	shortRow    = 25
	shortShape  = 40
	shortRef    = 60
	shortLoss   = 80
	shortBlock  = len("0 0 0 00000000") + 2
)

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Verifications) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.First[Verification](data, maxVerifications)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Problems) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.First[Problem](data, readProblems)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Warnings) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.First[RowsLost](data, maxRowsLost+1) // which is one too many to be believed
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *LeftOut) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.First[string](data, readLeftOut)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Asked) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.First[CheckResult](data, MaxAsked)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Patterns) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.All[string](data, maxPatterns, 0)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Labels) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.Map[string](data, maxLabels)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Blocks) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.All[string](data, math.MaxInt, shortBlock)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *SourceTallies) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.All[Tally](data, math.MaxInt, shortTally)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *RowTallies) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.All[RowTally](data, math.MaxInt, shortRow)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Shapes) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.All[Shape](data, math.MaxInt, shortShape)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Refs) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.All[Ref](data, math.MaxInt, shortRef)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Losses) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.All[Loss](data, maxLosses, shortLoss)
	return err
}

// UnmarshalJSON implements [json.Unmarshaler].
func (l *Users) UnmarshalJSON(data []byte) (err error) {
	*l, err = jsonlist.Map[int](data, maxUsers)
	return err
}
