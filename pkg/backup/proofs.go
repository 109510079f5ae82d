package backup

import (
	"context"
	"fmt"
	"strconv"

	"cofre/pkg/contents"
	"cofre/pkg/overview"
	"cofre/pkg/quantity"
	"cofre/pkg/registry"
)

// CheckProofs looks, once for all sources, whether the proofs that are expected can be made on this machine; ok is false where none
// are expected to be made here. A proof that cannot be made harms no backup: it is a warning.
func (s *Service) CheckProofs(ctx context.Context, o overview.Overview) (c Check, ok bool) {
	var expected []*overview.Source
	elsewhere := false
	for i := range o.Sources {
		if s := &o.Sources[i]; s.ProofsExpected && !s.ProofsElsewhere {
			expected = append(expected, s)
		} else if s.ProofsElsewhere {
			elsewhere = true
		}
	}
	if elsewhere && s.KeysElsewhere && s.Defaults.Encrypt {
		return Check{Name: "proofs", Result: CheckWarning, Detail: "they are scheduled, and new backups are encrypted, whose key is not kept here",
			Hint: "Prove encrypted backups by cofre's command line on a machine that has the key, and end the schedule, or do not encrypt."}, true
	}
	if len(expected) == 0 || s.Engine == nil {
		return c, false
	}
	if s.ProofTarget != "" { // whether proofs can be made there the target's own check says
		return Check{Name: "proofs", Result: CheckOK, Detail: fmt.Sprintf("expected of %s; made at the target %s", quantity.Plural(len(expected), "source"), s.ProofTarget)}, true
	}
	major, err := s.newestMajor(ctx, expected)
	var version string
	if err == nil {
		version, err = s.Engine.ProofServer(ctx, "", major)
	}
	if err != nil {
		c = Failing("proofs", err)
		c.Result, c.Error = CheckWarning, nil
		return c, true
	}
	return Check{Name: "proofs", Result: CheckOK, Detail: fmt.Sprintf("expected of %s; made with PostgreSQL %s", quantity.Plural(len(expected), "source"), version)}, true
}

// CanProve returns an error where this machine lacks the programs of a server as new as the backup's, or the target for proofs cannot take it.
func (s *Service) CanProve(ctx context.Context, id string) error {
	b, err := s.Info(ctx, id)
	if err != nil {
		return err
	}
	major, _ := strconv.Atoi(contents.Major(b.DatabaseVersion)) // 0: any will do
	_, err = s.Engine.ProofServer(ctx, s.ProofTarget, major)
	return err
}

// newestMajor returns the newest major version of a server that a backup to be proven is of; 0 where none is known.
func (s *Service) newestMajor(ctx context.Context, sources []*overview.Source) (newest int, err error) {
	err = s.Registry.Reading(ctx, func(v *registry.View) error {
		newest = 0
		for _, source := range sources {
			if source.LastProvable == nil {
				continue
			}
			b, _, err := v.Find(ctx, source.LastProvable.ID)
			if err != nil {
				return err
			}
			if major, err := strconv.Atoi(contents.Major(b.DatabaseVersion)); err == nil {
				newest = max(newest, major)
			}
		}
		return nil
	})
	return newest, err
}
