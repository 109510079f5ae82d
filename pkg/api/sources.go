package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/source"
	"cofre/pkg/wording"
)

// sources lists what is backed up.
func (a *API) sources(ctx context.Context, _ *call) (answer, error) {
	states, meant, err := a.Service.SourceStates(ctx)
	if err != nil {
		return answer{}, err
	}
	items := []map[string]any{}
	for _, s := range states {
		item, err := sourceItem(s)
		if err != nil {
			return answer{}, err
		}
		items = append(items, item)
	}
	out := map[string]any{"sources": items, "secretsKept": a.Service.Registry.KeepsSecrets()}
	if meant != "" {
		out["default"] = meant
	}
	return ok(out), nil
}

// sourceItem is a source with the defaults in what it leaves out, and without where it is.
func sourceItem(s backup.SourceState) (map[string]any, error) {
	defaulted := s.Defaulted
	s.Defaulted = nil // which are values like others here
	item, err := backup.Written(s.Settings)
	if err != nil {
		return nil, err
	}
	if defaulted == nil {
		defaulted = []string{}
	}
	maps.Copy(item, map[string]any{"origin": Origin(s.Origin), "editable": s.Editable(), "paused": s.Paused, "vanished": s.Vanished, "defaulted": defaulted})
	if patterns, follows := item["databases"]; follows {
		delete(item, "databases")
		item["follows"] = patterns
	}
	if s.Database != "" {
		item["database"] = s.Database
	}
	var told []string
	if plan, ok, err := s.Plan(); ok && err == nil {
		item["scheduleWords"] = plan.Words()
		told = append(told, plan.Words())
	}
	if len(s.NextRuns) > 0 {
		item["nextRuns"] = s.NextRuns
	}
	if s.Trouble != nil {
		item["trouble"] = refusal(s.Trouble)
		told = append(told, refusal(s.Trouble))
	}
	if words := wordingsOf(told...); words != nil { // it is no type of the contract
		item["wordings"] = words
	}
	return item, nil
}

func sourceDetails(k backup.KeptSource) (contract.SourceDetails, error) {
	d := contract.SourceDetails{Name: k.Name, Origin: Origin(k.Origin), Editable: k.Origin.Kind == source.FromBucket, Version: k.Version(), Trouble: refusal(k.Trouble), Pinged: k.Ping != nil,
		Connection: sourceConnection(k)}
	if at := k.Changed(); !at.At.IsZero() {
		d.Changed = contract.Changed{At: at.At, By: at.By}
	}
	written, err := backup.Written(k.Settings)
	if err == nil {
		d.Settings, err = json.Marshal(written)
	}
	return d, err
}

// sourceConnection says where a connection is to be had. Of a URL that is kept it says where that leads, and no password.
func sourceConnection(k backup.KeptSource) contract.SourceConnection {
	c, r := k.Connection, k.Reached
	switch {
	case c.Stored != nil:
		return contract.SourceConnection{Kind: contract.SourceConnectionKindStored, Host: r.Host, Port: r.Port, Database: r.Database, User: r.User}
	case c.Env != "":
		return contract.SourceConnection{Kind: contract.SourceConnectionKindEnv, Reference: c.Env}
	case c.File != "":
		return contract.SourceConnection{Kind: contract.SourceConnectionKindFile, Reference: c.File}
	case c.Secret != "":
		return contract.SourceConnection{Kind: contract.SourceConnectionKindSecret, Reference: c.Secret}
	}
	return contract.SourceConnection{Kind: contract.SourceConnectionKindEnvironment}
}

// source shows one source, as it was written.
func (a *API) source(ctx context.Context, c *call) (answer, error) {
	name := c.values.Path("name")
	c.note("source", name)
	k, err := a.Service.WrittenSource(ctx, name)
	if err != nil {
		return answer{}, err
	}
	d, err := sourceDetails(k)
	if err != nil || k.Trouble != nil {
		return ok(d), err
	}
	values, err := a.Service.SourceValues(ctx, k.Settings)
	for _, v := range values {
		from := contract.ValueOrigin{Kind: contract.ValueOriginKind(v.From.Kind), File: v.From.File, Line: v.From.Line, Variable: v.From.Variable}
		d.Effective = append(d.Effective, contract.EffectiveValue{Key: v.Key, Value: v.Text(), From: from})
	}
	return ok(d), err
}

func written(k backup.KeptSource, status int) (answer, error) {
	d, err := sourceDetails(k)
	return answer{status: status, body: d}, err
}

// sourceSettings reads settings, whose keys are those of [source.Settings]; the contract has looked which there are.
func sourceSettings(data json.RawMessage) (of source.Settings, err error) {
	if err := json.Unmarshal(data, &of); err != nil {
		return of, fmt.Errorf("read the settings: %w", err)
	}
	return of, nil
}

func urlGiven(c contract.SourceConnectionInput) source.Given {
	return source.Given{Connection: source.Connection{Env: c.Env, Secret: c.Secret}, Value: c.URL}
}

// createSource keeps a new source.
func (a *API) createSource(ctx context.Context, c *call) (answer, error) {
	var body contract.CreateSourceRequest
	if err := c.read(nil, &body); err != nil {
		return answer{}, err
	}
	of, err := sourceSettings(body.Settings)
	if err != nil {
		return answer{}, err
	}
	c.note("source", of.Name)
	k, err := a.Service.KeepSource(ctx, backup.SourceChange{Settings: of, Connection: urlGiven(body.Connection), Ping: given(body.Ping)}, c.caller.Subject)
	if err != nil {
		return answer{}, err
	}
	return written(k, http.StatusCreated)
}

// putSource changes a source.
func (a *API) putSource(ctx context.Context, c *call) (answer, error) {
	var body contract.PutSourceRequest
	if err := c.read(nil, &body); err != nil {
		return answer{}, err
	}
	name := c.values.Path("name")
	c.note("source", name)
	of, err := sourceSettings(body.Settings)
	if err == nil {
		err = sameName("source", name, of.Name)
	}
	if err != nil {
		return answer{}, err
	}
	k, err := a.Service.KeepSource(ctx, backup.SourceChange{Version: body.Version, Settings: of, Connection: urlGiven(body.Connection), Ping: given(body.Ping), NoPing: body.NoPing}, c.caller.Subject)
	if err != nil {
		return answer{}, err
	}
	return written(k, http.StatusOK)
}

// deleteSource keeps a source no longer.
func (a *API) deleteSource(ctx context.Context, c *call) (answer, error) {
	name := c.values.Path("name")
	c.note("source", name)
	n, err := a.Service.RemoveSource(ctx, name, c.caller.Subject)
	if err != nil {
		return answer{}, err
	}
	return ok(contract.DeleteSourceResponse{Name: name, Backups: n}), nil
}

// testSource connects to a source, as it is or as it would be. That it cannot be backed up is an answer, too.
func (a *API) testSource(ctx context.Context, c *call) (answer, error) {
	var body contract.TestSourceRequest
	if err := c.read(nil, &body); err != nil {
		return answer{}, err
	}
	c.note("source", body.Name)
	look, err := a.lookAtSource(ctx, c, body)
	out := contract.TestSourceResponse{Ok: err == nil, Needs: []string{}}
	if f := fault.From(err); err != nil {
		if badRequest(f) || ctx.Err() != nil {
			return answer{}, err
		}
		c.note("usable", "false")
		out.Problem = contract.SourceProblem{Message: wording.WithoutCommands(f.Message), Hint: hintOf(f.Hint)}
		return ok(out), nil
	}
	out.Server, out.Version, out.Database, out.Size = net.JoinHostPort(look.Server.Host, look.Server.Port), look.Version, look.Database, look.Size
	out.Needs = append(out.Needs, look.Remarks...)
	return ok(out), nil
}

// badRequest tells what was wrong with the request from what is wrong with the source.
func badRequest(f *fault.Error) bool {
	if f.Code != fault.Validation {
		return false
	}
	switch f.Reason {
	case fault.InvalidInput, fault.NotFound, fault.AlreadyExists, fault.Precondition, fault.LimitReached, fault.Forged, fault.StructureDamaged:
		return true
	}
	return false
}

func (a *API) lookAtSource(ctx context.Context, c *call, body contract.TestSourceRequest) (backup.SourceLook, error) {
	if len(body.Settings) == 0 {
		return a.Service.TestSource(ctx, body.Name)
	}
	of, err := sourceSettings(body.Settings)
	if err != nil {
		return backup.SourceLook{}, err
	}
	c.note("source", of.Name)
	change := backup.SourceChange{Settings: of, Connection: urlGiven(body.Connection)}
	if body.Name != "" {
		if err := sameName("source", body.Name, of.Name); err != nil {
			return backup.SourceLook{}, err
		}
		now, err := a.Service.KeptSource(ctx, body.Name)
		if err != nil {
			return backup.SourceLook{}, err
		}
		change.Version = now.Version()
	}
	return a.Service.TrySource(ctx, change)
}
