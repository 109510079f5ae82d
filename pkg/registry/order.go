package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// Suffixes of what lies beside the record of a proof that is made by order: elsewhere, without credentials for the storage.
const (
	orderSuffix  = ".order"
	resultSuffix = ".result"
)

// ProofOrderKey is where the order for the proof of a backup stands.
func ProofOrderKey(id string) string { return ProofsPrefix + id + orderSuffix }

// ProofResultKey is where the result of a proof that was ordered stands. It is from outside: what runs in a backup may have written it.
func ProofResultKey(id string) string { return ProofsPrefix + id + resultSuffix }

// ResultSize is the size of each result in bytes: links to write it are for exactly so many.
const ResultSize = 64 << 10

// MaxOrder bounds an order, in bytes.
const MaxOrder = 1 << 20

// ProofOrder is proofs/<id>.order: all that a proof needs which has no credentials for the storage. Its links are secrets while they live.
type ProofOrder struct {
	Version int    `json:"version"`
	Nonce   string `json:"nonce"`  // of this proof; its result repeats it
	Backup  Backup `json:"backup"` // the record to go by
	Place   string `json:"place"`  // the backup directory, for people
	// Links are those to read objects by, by key. Result is the link to write the result by, Next that to read this order again: it is made
	// anew before its links end.
	Links  map[string]string `json:"links"`
	Result string            `json:"result"`
	Next   string            `json:"next"`
}

// ProofResult is proofs/<id>.result: how far a proof is that was ordered, and at its end what it found or why it could not be made.
type ProofResult struct {
	Version int           `json:"version"`
	Backup  string        `json:"backup"` // its id
	Nonce   string        `json:"nonce"`  // the order's
	Step    string        `json:"step"`
	Proof   *Verification `json:"proof,omitempty"`
	Error   *Error        `json:"error,omitempty"`
}

// ParseProofOrder reads an order, whose texts are bounded. It comes from whoever started the proof.
func ParseProofOrder(data []byte) (ProofOrder, error) {
	var o ProofOrder
	const what = "the order of the proof"
	if err := decodeVersioned(what, data, MaxOrder, &o); err != nil {
		return o, err
	}
	links := append([]string{o.Result, o.Next}, o.Links[o.Backup.Filepath])
	for _, l := range o.Links {
		links = append(links, l)
	}
	bad := slices.ContainsFunc(links, func(l string) bool {
		u, err := url.Parse(l)
		return err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http"
	})
	if bad || o.Version < 1 || !ValidID(o.Backup.ID) || o.Backup.Status != Success || !validFilepath(o.Backup.Filepath) || len(o.Nonce) < 16 || len(o.Nonce) > maxName {
		return o, damagedRecord(fmt.Errorf("something lacks, or cannot be"), what)
	}
	return o, nil
}

// EncodeProofResult gives a result as it is stored, in ResultSize bytes. Where it says too much, the last of what it names is left out.
func EncodeProofResult(r ProofResult) ([]byte, error) {
	r.Version = recordVersion
	if r.Proof != nil {
		v := r.Proof.bounded()
		r.Proof = &v
	}
	if r.Error != nil {
		e := r.Error.bounded()
		r.Error = &e
	}
	for {
		data, err := encode(r)
		if err != nil {
			return nil, err
		}
		if len(data) <= ResultSize {
			return append(data, bytes.Repeat([]byte{' '}, ResultSize-len(data))...), nil
		}
		switch v := r.Proof; {
		case v != nil && v.Proof != nil && len(v.Proof.Without) > 0:
			v.Proof.Without = v.Proof.Without[:len(v.Proof.Without)-1]
		case v != nil && len(v.Problems) > 1:
			v.Problems = v.Problems[:len(v.Problems)-1]
		default:
			return nil, fmt.Errorf("the result has %d bytes", len(data))
		}
	}
}

// parseProofResult reads what came of the proof of a backup that was ordered with this nonce. Whoever could write it may have been anybody: what
// no proof can say is an error, and so is the result of another one.
func parseProofResult(id, nonce string, data []byte) (ProofResult, error) {
	var r ProofResult
	key := ProofResultKey(id)
	if len(data) > ResultSize {
		return r, damagedRecord(fmt.Errorf("it has %d bytes", len(data)), key)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return ProofResult{}, damagedRecord(err, key)
	}
	if len(bytes.TrimSpace(data[d.InputOffset():])) > 0 {
		return ProofResult{}, damagedRecord(fmt.Errorf("something is behind it"), key)
	}
	if err := r.check(id, nonce); err != nil {
		return ProofResult{}, damagedRecord(err, key)
	}
	r.clean()
	return r, nil
}

// clean makes one line of each text, in bounds.
func (r *ProofResult) clean() {
	if r.Error != nil {
		e := r.Error.bounded()
		e.Message, e.Hint, e.Detail = oneLine(e.Message), oneLine(e.Hint), ""
		r.Error = &e
	}
	if r.Proof == nil {
		return
	}
	v := r.Proof.bounded()
	for i, text := range v.Proof.Without {
		v.Proof.Without[i] = oneLine(text)
	}
	for i := range v.Problems {
		v.Problems[i].Detail = oneLine(v.Problems[i].Detail)
	}
	r.Proof = &v
}

// steps are those of a running proof.
var steps = []string{ProofChecking, ProofCounting, ProofStarting, ProofRestoring, ProofComparing}

func (r *ProofResult) check(id, nonce string) error {
	switch {
	case r.Version != recordVersion:
		return fmt.Errorf("it is of version %d", r.Version)
	case r.Backup != id || r.Nonce != nonce:
		return fmt.Errorf("it is another proof's")
	case r.Step != "" && !slices.Contains(steps, r.Step):
		return fmt.Errorf("%.40q is not a step", r.Step)
	case r.Proof != nil && r.Error != nil:
		return fmt.Errorf("it says both what was found and why nothing was")
	case r.Error != nil && (!fault.Known(r.Error.Code) || len(r.Error.Reason) > maxName || oneLine(string(r.Error.Reason)) != string(r.Error.Reason)):
		return fmt.Errorf("its error is none")
	case r.Proof != nil:
		return r.Proof.checkOrdered()
	}
	return nil
}

// disproving are the reasons of problems that a proof finds.
var disproving = []fault.Reason{fault.ContentsMismatch, fault.RestoredInPart, fault.ChecksumMismatch, fault.StructureDamaged, fault.SizeMismatch}

// Bounds of what the result of a proof that was ordered says.
const (
	maxOrderedList = 20
	maxVersionText = 60
)

// checkOrdered refuses what no proof that was made by order can say, whatever the backup.
func (v *Verification) checkOrdered() error {
	p := v.Proof
	switch {
	case p == nil:
		return fmt.Errorf("it does not say what was compared")
	case v.Level != LevelProven && v.Level != LevelProvenInPart:
		return fmt.Errorf("%.40q is no proof", v.Level)
	case (v.Level == LevelProvenInPart) != (p.LeftOut > 0), p.LeftOut < len(p.Without), len(p.Without) > maxOrderedList:
		return fmt.Errorf("what was left out does not fit")
	case v.OK != (len(v.Problems) == 0) || len(v.Problems) > maxOrderedList:
		return fmt.Errorf("its problems do not fit what it found")
	case p.Tables < 0, p.Rows < 0, p.OfRows < 0, p.Sequences < 0, p.LargeObjects < 0, p.Definitions < 0, p.Restore < 0, p.OfRows > 0 && p.Rows > p.OfRows:
		return fmt.Errorf("a number cannot be")
	case p.Target != "", p.Checks != 0:
		return fmt.Errorf("nobody ordered that")
	}
	for _, text := range []string{p.Server, p.Tool} {
		if len(text) > maxVersionText || oneLine(text) != text {
			return fmt.Errorf("a version is none")
		}
	}
	for _, x := range v.Problems {
		if !slices.Contains(disproving, x.Reason) {
			return fmt.Errorf("%.40q is no problem of a proof", x.Reason)
		}
	}
	return nil
}

// oneLine has blanks in the place of what no text of one line holds.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// OrderAttempt puts on record that a backup is being proven by order, elsewhere: the record lives for as long as it is renewed within that
// time. A proof that waits to be begun is the same one, whoever asked for it.
func (r *Registry) OrderAttempt(ctx context.Context, id, by, nonce string, at time.Time, within time.Duration) error {
	l, err := r.beginAttempt(ctx, ProofAttempt{Backup: id, By: by, AskedAt: at, LeaseMS: within.Milliseconds(), Order: nonce}, true)
	if err != nil {
		return err
	}
	return l.Start(ctx, at)
}

// OrderedAttempt returns the record of a proof that was ordered with this nonce, to be renewed or ended; nil where the record is another one's by
// now, or has ended.
func (r *Registry) OrderedAttempt(ctx context.Context, id, nonce string) (*ProofLease, error) {
	a, o, found, err := r.attempt(ctx, id)
	if err != nil || !found || a.Order == "" || a.Order != nonce || !a.Live() {
		return nil, err
	}
	return r.holdAttempt(a, o.ETag), nil
}

// PutProofOrder writes an order.
func (r *Registry) PutProofOrder(ctx context.Context, o ProofOrder) error {
	o.Version = recordVersion
	data, err := encode(o)
	if err == nil {
		_, err = r.store.Put(ctx, ProofOrderKey(o.Backup.ID), data, jsonOptions(storage.Condition{}))
	}
	if err != nil {
		return fmt.Errorf("write the order for the proof of %s: %w", o.Backup.ID, err)
	}
	return nil
}

// ProofResult returns what came so far of the proof that was ordered with this nonce; it is not found where nothing did.
func (r *Registry) ProofResult(ctx context.Context, id, nonce string) (ProofResult, error) {
	data, _, err := r.get(storage.Within(ctx, ResultSize), ProofResultKey(id))
	if err != nil {
		return ProofResult{}, err
	}
	return parseProofResult(id, nonce, data)
}
