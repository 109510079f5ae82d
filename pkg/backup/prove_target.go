package backup

import (
	"context"
	"time"

	"cofre/pkg/archive"
	"cofre/pkg/contents"
	"cofre/pkg/fault"
)

// ownerless gives what was counted with definitions that are nobody's and without rights: on a server that others use, everything belongs to the
// role that restores, and nobody else is given anything. They are read in the archive's own table of contents, which has to be the one that was
// counted.
func (p *proof) ownerless(ctx context.Context, want *contents.Contents) (*contents.Contents, error) {
	p.lack("owners and rights: on the server of the target %s everything belonged to the role that restored it", p.o.On)
	if want.Header.Definitions == "" {
		return want, nil
	}
	in, err := p.s.restoreInput(ctx, p.b, p.proven, false, nil).Open(ctx)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	head, err := archive.ReadHead(ctx, in, archive.Options{})
	if err != nil {
		return nil, err
	}
	owned, free := emptyCounter(p.s.Now), emptyCounter(p.s.Now)
	free.ownerless = true
	for _, e := range head.Entries {
		owned.entry(e)
		free.entry(e)
	}
	stored, out := *want, *want
	stored.Definitions, out.Definitions = owned.all.Definitions, free.all.Definitions
	for _, d := range contents.Compare(want, &stored).Definitions {
		p.problem(fault.ContentsMismatch, "the definition of %s in the backup's file is not what was counted when the backup was made", entryKey{d.Kind, d.Schema, d.Name})
	}
	return &out, nil
}

// sweepTime bounds the look for what killed proofs left.
const sweepTime = 2 * time.Minute

// sweepProofs drops what killed proofs left at targets.
func (s *Service) sweepProofs(ctx context.Context) ([]string, error) {
	if s.Engine == nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	return s.Engine.SweepProofs(ctx)
}
