package api

import (
	"context"
	"net/http"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	setting "cofre/pkg/place"
	"cofre/pkg/source"
	"cofre/pkg/wording"
)

// Origin is where settings come from.
func Origin(o source.Origin) contract.Origin {
	kind := contract.OriginKindEnvironment
	if o.Kind != source.FromEnvironment {
		kind = contract.OriginKind(o.Kind)
	}
	return contract.Origin{Kind: kind, File: o.File, Line: o.Line}
}

// places lists the second locations, and says how far each is behind.
func (a *API) places(ctx context.Context, _ *call) (answer, error) {
	states, err := a.Service.PlaceStates(ctx)
	if err != nil {
		return answer{}, err
	}
	out := contract.ListPlacesResponse{Places: []contract.Place{}, SecretsKept: a.Service.Registry.KeepsSecrets()}
	for _, s := range states {
		out.Places = append(out.Places, placeState(s))
	}
	return ok(out), nil
}

func placeState(s backup.PlaceState) contract.Place {
	p := contract.Place{
		Name: s.Name, Origin: Origin(s.Origin), Editable: s.Editable(), Kind: contract.PlaceKindS3, StorageClass: s.StorageClass, Sources: []contract.PlaceSource{}, Trouble: s.Trouble,
		Copies: contract.PlaceCopies{Waiting: s.Waiting, Late: s.Late, Unknown: s.Unknown, LastAt: s.LastAt},
	}
	if s.Local() && s.Where != "" {
		p.Kind = contract.PlaceKindDirectory
	}
	for _, of := range s.Sources {
		behind := contract.PlaceSource{Name: of.Name, Waiting: of.Lacking, Since: of.Since, Unknown: of.Unknown}
		if of.Last != nil {
			behind.LastAt = of.Last.At
		}
		p.Sources = append(p.Sources, behind)
	}
	return p
}

// testPlace looks whether copies can be made in a place. That they cannot is an answer, too.
func (a *API) testPlace(ctx context.Context, c *call) (answer, error) {
	var body contract.TestPlaceRequest
	if err := c.read(nil, &body); err != nil {
		return answer{}, err
	}
	c.note("place", body.Name)
	p, err := a.placeToTest(ctx, c, body)
	if err != nil {
		return answer{}, err
	}
	d := backup.Diagnosed(backup.CheckPlace(ctx, p))
	if !d.OK {
		c.note("usable", "false")
	}
	out := contract.TestPlaceResponse{Ok: d.OK, Checks: []contract.PlaceCheck{}}
	for _, check := range d.Checks {
		out.Checks = append(out.Checks, contract.PlaceCheck{Name: check.Name, Result: contract.PlaceCheckResult(check.Result), Detail: wording.WithoutCommands(check.Detail), Hint: hintOf(check.Hint)})
	}
	return ok(out), nil
}

// copies says how it stands with a good backup in second locations.
func copies(all []backup.CopyState) []contract.BackupCopy {
	var out []contract.BackupCopy
	for _, c := range all {
		one := contract.BackupCopy{Place: c.Place, State: contract.BackupCopyState(c.State), At: c.At, Checksum: c.SHA256}
		if c.Error != nil {
			one.Problem = c.Error.Message
		}
		out = append(out, one)
	}
	return out
}

// placeToTest is a place as it is, or as it would be.
func (a *API) placeToTest(ctx context.Context, c *call, body contract.TestPlaceRequest) (backup.Place, error) {
	if body.Settings.Name == "" {
		return a.Service.Place(ctx, body.Name)
	}
	c.note("place", body.Settings.Name)
	change := placeChange("", body.Settings, body.Credentials)
	if body.Name != "" {
		if err := sameName("location", body.Name, body.Settings.Name); err != nil {
			return backup.Place{}, err
		}
		now, err := a.Service.Place(ctx, body.Name)
		if err == nil {
			err = now.Unread()
		}
		if err != nil {
			return now, err
		}
		change.Version = now.Version()
	}
	return a.Service.PreparePlace(ctx, change)
}

func placeChange(version string, s contract.PlaceSettings, k contract.PlaceCredentials) backup.PlaceChange {
	return backup.PlaceChange{
		Version: version, AccessKey: given(k.AccessKey), SecretKey: given(k.SecretKey),
		Settings: setting.Settings{Name: s.Name, Directory: s.Directory, Endpoint: s.Endpoint, Region: s.Region, StorageClass: s.StorageClass},
	}
}

func placeDetails(p backup.Place) contract.PlaceDetails {
	d := contract.PlaceDetails{Name: p.Name, Origin: Origin(p.Origin), Editable: p.Editable(), Version: p.Version(), Trouble: refusal(p.Trouble)}
	if at := p.Changed(); !at.At.IsZero() {
		d.Changed = contract.Changed{At: at.At, By: at.By}
	}
	if p.Where == "" { // it cannot be read
		return d
	}
	d.Settings = contract.PlaceSettings{Name: p.Name, Directory: p.Where, Endpoint: p.Settings.Endpoint, Region: p.Settings.Region, StorageClass: p.StorageClass}
	d.AccessKey, d.SecretKey = secretOf(p.Settings.AccessKey, p.Stored(backup.PlaceAccessKey)), secretOf(p.Settings.SecretKey, p.Stored(backup.PlaceSecretKey))
	return d
}

// place shows one place, and where it is.
func (a *API) place(ctx context.Context, c *call) (answer, error) {
	name := c.values.Path("name")
	c.note("place", name)
	p, err := a.Service.Place(ctx, name)
	if err != nil {
		return answer{}, err
	}
	return ok(placeDetails(p)), nil
}

// createPlace keeps a new place.
func (a *API) createPlace(ctx context.Context, c *call) (answer, error) {
	var body contract.CreatePlaceRequest
	if err := c.read(nil, &body); err != nil {
		return answer{}, err
	}
	c.note("place", body.Settings.Name)
	p, err := a.Service.KeepPlace(ctx, placeChange("", body.Settings, body.Credentials), c.caller.Subject)
	if err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusCreated, body: placeDetails(p)}, nil
}

// putPlace changes a place.
func (a *API) putPlace(ctx context.Context, c *call) (answer, error) {
	var body contract.PutPlaceRequest
	if err := c.read(nil, &body); err != nil {
		return answer{}, err
	}
	name := c.values.Path("name")
	c.note("place", name)
	if err := sameName("location", name, body.Settings.Name); err != nil {
		return answer{}, err
	}
	p, err := a.Service.KeepPlace(ctx, placeChange(body.Version, body.Settings, body.Credentials), c.caller.Subject)
	if err != nil {
		return answer{}, err
	}
	return ok(placeDetails(p)), nil
}

// deletePlace keeps a place no longer.
func (a *API) deletePlace(ctx context.Context, c *call) (answer, error) {
	name := c.values.Path("name")
	c.note("place", name)
	p, err := a.Service.RemovePlace(ctx, name, c.caller.Subject)
	if err != nil {
		return answer{}, err
	}
	c.note("where", p.Where)
	return ok(contract.DeletePlaceResponse{Name: name, Where: p.Where}), nil
}
