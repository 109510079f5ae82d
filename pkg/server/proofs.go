package server

import (
	"context"
	"crypto/rand"
	"slices"
	"strconv"
	"time"

	"cofre/pkg/api"
	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/metrics"
	"cofre/pkg/source"
)

// prover proves the newest good backups of the sources of which proofs are expected, as far as they can be. When the next one is due follows from the
// records: nothing is forgotten when the server is started again, and a proof that anybody made counts.
type prover struct {
	s     *Server
	turns turns
}

func newProver(s *Server) *prover { return &prover{s: s, turns: turns{}} }

const (
	lookForProofs = 5 * time.Minute // how often
	proofTimeout  = 6 * time.Hour
)

// proofs works until ctx ends.
func (s *Server) proofs(ctx context.Context) {
	p := newProver(s)
	for {
		all, err := s.Service.Sources(ctx)
		made := false
		if err == nil && slices.ContainsFunc(all.Sources, func(of source.Settings) bool { return of.ProveEvery() > 0 }) {
			made, err = p.one(ctx)
		}
		if err != nil && ctx.Err() == nil {
			s.Log.Error("whether a proof is due could not be told", "task", "proof", "error", err.Error())
		}
		if !made && s.pause(ctx, lookForProofs) != nil || ctx.Err() != nil {
			return
		}
	}
}

// one makes the proof whose turn it is; made is false where none is due.
func (p *prover) one(ctx context.Context) (made bool, err error) {
	o, err := p.s.Service.Overview(ctx, nil)
	if err != nil {
		return false, err
	}
	now := p.s.Now()
	var all []due
	for i := range o.Sources {
		s := &o.Sources[i]
		// While a backup of the source is made, it is to have the machine.
		if s.ProofDue.IsZero() || s.ProofsElsewhere || s.ProofDue.After(now) || s.Running > 0 {
			continue
		}
		if _, known := p.turns[s.Name]; !known {
			last, err := p.s.Service.LastAttempt(ctx, s.LastProvable.ID)
			if err != nil {
				return false, err
			}
			p.turns.recall(s.Name, last)
		}
		all = append(all, due{s.Name, s.LastProvable.ID, s.ProofDue})
	}
	next, ok := p.turns.pick(now, all)
	if ok {
		p.prove(ctx, next)
	}
	return ok, nil
}

// proved says in the audit trail what came of a proof that by asked for.
func (s *Server) proved(by string, asked *backup.AskedProof, proved backup.Proved, err error) {
	note := contract.AuditRecord{Actor: by, Action: "prove", Resource: asked.ID(), Detail: map[string]string{"requested": asked.At().Format(time.RFC3339)}}
	if err == nil {
		note.Detail["proven"] = strconv.FormatBool(proved.Proof.OK)
	}
	api.RecordEnded(context.Background(), s.Audit, note, s.Log, err)
}

// prove proves a backup and says everywhere what came of it.
func (p *prover) prove(ctx context.Context, d due) {
	s, id, source := p.s, d.backup, d.source
	begun, request := s.Now(), rand.Text()
	log := s.Log.With("task", "proof", "request_id", request, "backup_id", id)
	asked, err := s.Service.AskProof(ctx, id, backup.Scheduler)
	if fault.HasReason(err, fault.Busy) { // somebody else has it proven: what comes of that counts as well
		p.turns.later(s.Now().Add(lookForProofs), source)
		log.Info("the backup is being proven already", "source", source, "error", err.Error())
		return
	}
	log.Info("scheduled proof", "source", source, "due", d.since.UTC())
	type outcome struct {
		proved backup.Proved
		err    error
	}
	done := make(chan outcome, 1)
	if err == nil {
		err = s.launcher.startProof(func() {
			proved, err := s.launcher.proof(asked)
			done <- outcome{proved, err}
		})
		if err != nil {
			err = asked.GiveUp(err)
		}
	}
	ended := outcome{err: err}
	if err == nil {
		ended = <-done
	}
	if ended.err != nil && ctx.Err() != nil {
		return // the server stops: the proof is due still
	}
	note := contract.AuditRecord{Action: "prove", RequestID: request, Resource: id, Detail: map[string]string{"due": d.since.UTC().Format(time.RFC3339)}}
	if err = ended.err; err == nil {
		note.Detail["proven"] = strconv.FormatBool(ended.proved.Proof.OK)
	}
	s.record(ctx, note, log, err)
	wait := p.turns.ended(s.Now(), source, s.Now().Sub(begun), err)
	switch {
	case err != nil:
		log.Error("the proof could not be made", "source", source, "code", string(fault.From(err).Code), "reason", string(fault.From(err).Reason),
			"error", err.Error(), "hint", fault.From(err).Hint, "again_ms", wait.Milliseconds())
	case !ended.proved.Proof.OK:
		log.Error("the proof failed", "source", source, "error", ended.proved.Err().Error())
	default:
		return
	}
	s.Metrics.Add(metrics.ScheduleFailures.Of(1, "proof"))
}
