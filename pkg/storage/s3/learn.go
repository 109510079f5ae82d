package s3

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc64"
	"net/url"
	"slices"
	"strings"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// What a service lacks is kept in the place itself, so that not every process has to try it out.
const (
	learnedFolder  = "capabilities"
	learnedVersion = 1
	// learnedFor is how long it is believed: services are upgraded.
	learnedFor = 7 * 24 * time.Hour
	// clockTolerance is how far ahead the clock of whoever wrote it may have been.
	clockTolerance = time.Hour
	maxLearned     = 4 << 10 // bytes
)

// learned is what capabilities/<place>.json holds.
type learned struct {
	Version int       `json:"version"`
	Place   string    `json:"place"` // so that a copy of the bucket at another service is tried out anew
	At      time.Time `json:"at"`
	Lacks   []feature `json:"lacks"`
}

// address names the place as it is reached from here.
func (s *Store) address() string {
	at := ""
	if e := s.client.Options().BaseEndpoint; e != nil {
		at = strings.TrimSuffix(*e, "/")
	}
	return at + "/" + s.cfg.Bucket + "/" + s.cfg.Prefix
}

// learnedKey has a name of its own for each way to the place: a service behind a proxy is another one.
func (s *Store) learnedKey() string {
	return fmt.Sprintf("%s/%016x.json", learnedFolder, crc64.Checksum([]byte(s.address()), crc64.MakeTable(crc64.ECMA)))
}

// ofAmazon tells whether the service is Amazon's own, where nothing has to be tried out.
func (s *Store) ofAmazon() bool {
	e := s.client.Options().BaseEndpoint
	if e == nil {
		return true
	}
	u, err := url.Parse(*e)
	if err != nil {
		return false
	}
	host := "." + strings.ToLower(u.Hostname())
	for _, domain := range []string{".amazonaws.com", ".amazonaws.com.cn", ".api.aws"} {
		if strings.HasSuffix(host, domain) {
			return true
		}
	}
	return false
}

// learn comes before the first write: it finds out what the service can do, from what an earlier process kept or
// by a probe. It fails only where nothing can work: the error is then the one of the first request.
func (s *Store) learn(ctx context.Context) error {
	if s.isLearned() {
		return nil
	}
	select {
	case s.learning <- struct{}{}:
		defer func() { <-s.learning }()
	case <-ctx.Done():
		return s.op("look at", "").fault(ctx.Err())
	}
	if s.isLearned() {
		return nil
	}
	if missing, ok := s.recall(ctx); ok {
		s.adopt(missing)
		s.setLearned(true)
		return nil
	}
	if _, err := s.tryOut(ctx); err != nil {
		if hopeless(err) || ctx.Err() != nil {
			return err
		}
		// Rights, or room, may be too small for a probe and enough for what comes: that says itself what it lacks.
		s.log.Debug("what the storage can do was not tried out", "storage", s.place, "error", err.Error())
		s.setLearned(true)
	}
	return nil
}

// hopeless tells whether an error stands in the way of any request to the place.
func hopeless(err error) bool {
	return slices.Contains([]fault.Reason{fault.BucketMissing, fault.CredentialsMissing, fault.CredentialsWrong, fault.CredentialsExpired,
		ClockSkew, WrongRegion, fault.StorageUnreachable}, fault.From(err).Reason)
}

func (s *Store) isLearned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cfg.Known != nil || !s.learnedAt.IsZero() && time.Since(s.learnedAt) < learnedFor
}

func (s *Store) setLearned(ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.learnedAt = time.Time{}
	if ok {
		s.learnedAt = time.Now()
	}
}

// knowing is for reads that need to know what the service lacks: it reads what is kept, and tries nothing out.
func (s *Store) knowing(ctx context.Context, f feature) bool {
	if s.isLearned() || s.lacks(f) {
		return s.lacks(f)
	}
	missing, ok := s.recall(ctx)
	return ok && slices.Contains(missing, f)
}

// recall reads what an earlier probe found.
func (s *Store) recall(ctx context.Context) ([]feature, bool) {
	if s.ofAmazon() {
		return nil, true
	}
	r, o, err := s.Open(ctx, s.learnedKey(), 0, -1)
	if err != nil || o.Size > maxLearned {
		if err == nil {
			r.Close()
		}
		return nil, false
	}
	defer r.Close()
	body, err := readBounded(r, maxLearned)
	if err != nil {
		return nil, false
	}
	return parseLearned(body, s.address(), time.Now())
}

// parseLearned takes nothing for granted: whoever may write to the bucket may have written it. What it does not say in
// exactly our words is tried out again.
func parseLearned(body []byte, place string, now time.Time) ([]feature, bool) {
	var l learned
	if len(body) > maxLearned || json.Unmarshal(body, &l) != nil || l.Version != learnedVersion || l.Place != place || len(l.Lacks) > len(features) {
		return nil, false
	}
	if age := now.Sub(l.At); age < -clockTolerance || age > learnedFor {
		return nil, false
	}
	for i, f := range l.Lacks {
		if !slices.Contains(features, f) || slices.Contains(l.Lacks[:i], f) {
			return nil, false
		}
	}
	return l.Lacks, true
}

// keep writes down what a probe found. Without the right to, every process tries it out.
func (s *Store) keep(ctx context.Context, at time.Time) {
	if s.ofAmazon() {
		return
	}
	body, err := json.Marshal(learned{Version: learnedVersion, Place: s.address(), At: at.UTC().Truncate(time.Second), Lacks: append([]feature{}, s.missing()...)})
	if err == nil {
		_, err = s.put(ctx, s.learnedKey(), body, storage.PutOptions{ContentType: "application/json"})
	}
	if err != nil {
		s.log.Debug("what the storage can do was not kept", "storage", s.place, "error", err.Error())
	}
}
