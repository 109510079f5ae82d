package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"cofre/pkg/api/contract"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// create reserves a backup and hands it to the launcher.
func (a *API) create(ctx context.Context, c *call) (answer, error) {
	var body contract.CreateBackupRequest
	var params contract.CreateBackupParams
	if err := c.read(&params, &body); err != nil {
		return answer{}, err
	}
	req, err := request(body.Options)
	if err != nil {
		return answer{}, err
	}
	req.CreatedBy, req.IdempotencyKey = c.caller.Subject, params.IdempotencyKey
	b, err := a.Service.Reserve(ctx, req)
	if err != nil {
		return answer{}, err
	}
	c.resource = b.ID
	if b.Status == registry.InProgress { // not one that an earlier delivery of this request has finished
		if err := a.Launcher.Launch(ctx, b.ID); err != nil {
			a.abandon(ctx, c, b.ID, err)
			return answer{}, fmt.Errorf("start backup %s: %w", b.ID, err)
		}
	}
	return accepted("/api/backup/status/"+b.ID, metadata(b)), nil
}

// databases lists what a backup can be made of.
func (a *API) databases(ctx context.Context, _ *call) (answer, error) {
	names, err := a.Service.Databases(ctx, "")
	if err != nil {
		return answer{}, err
	}
	return ok(contract.ListDatabasesResponse{Databases: list(names)}), nil
}

// settle bounds what is done after a request has failed or its caller has gone.
const settle = 20 * time.Second

// abandon ends a backup that nobody is going to make. One that was begun is somebody's: of an earlier delivery of the same
// request, or of a launcher whose answer was lost.
func (a *API) abandon(ctx context.Context, c *call, id string, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settle)
	defer cancel()
	_, err := a.Service.Withdraw(ctx, id, cause)
	if err != nil && !fault.HasReason(err, fault.Busy) && !fault.HasReason(err, fault.AlreadyExists) {
		c.log.Warn("backup not started and not ended; the next cleanup does it", "backup_id", id, "error", err.Error())
	}
}

func accepted(location string, body any) answer {
	return answer{status: http.StatusAccepted, header: http.Header{"Location": {location}}, body: body}
}

// read fills parameters and body; either may be nil.
func (c *call) read(params, body any) error {
	if params != nil {
		if err := c.values.Parameters(params); err != nil {
			return fmt.Errorf("read the parameters: %w", err)
		}
	}
	if body != nil {
		if err := c.values.Body(body); err != nil {
			return fmt.Errorf("read the body: %w", err)
		}
	}
	return nil
}

func (a *API) list(ctx context.Context, c *call) (answer, error) {
	var p contract.ListBackupsParams
	if err := c.read(&p, nil); err != nil {
		return answer{}, err
	}
	page, err := a.Service.List(ctx, backup.ListOptions{
		Source: p.Source, Outcome: registry.Outcome(p.Outcome),
		Database: p.Database, Status: registry.Status(p.Status), Since: p.Since, Until: p.Until, Labels: p.Label, Search: p.Search,
		Damaged: p.Damaged, Problems: p.Problems, Pinned: p.Pinned, Limit: p.Limit, Cursor: p.Cursor, Fates: true,
	})
	if err != nil {
		return answer{}, err
	}
	return ok(contract.ListBackupsResponse{Backups: each(page.Backups, func(b backup.Backup) contract.BackupMetadata { return withFate(b, page.Fates[b.ID]) }), Total: page.Total, Next: page.Next}), nil
}

func (a *API) info(ctx context.Context, c *call) (answer, error) {
	b, fate, err := a.Service.Look(ctx, c.resource)
	if err != nil {
		return answer{}, err
	}
	out := withFate(b, fate)
	withProofs(b, &out)
	if b.Status == registry.Success {
		last, err := a.Service.LastAttempt(ctx, b.ID)
		if err != nil {
			c.log.Warn("the backup's last proof is left out of the answer", "backup_id", b.ID, "error", err.Error())
		}
		out.ProofAttempt = proofAttempt(last)
		found, err := a.Service.Copies(ctx, &b)
		if err != nil {
			c.log.Warn("the backup's copies are left out of the answer", "backup_id", b.ID, "error", err.Error())
		}
		out.Copies = copies(found)
	}
	return ok(out), nil
}

// pollEvery is what whoever follows a backup is told to wait, in seconds; progress is published every three.
const pollEvery = 3

func (a *API) status(ctx context.Context, c *call) (answer, error) {
	r, err := a.Service.Status(ctx, c.resource)
	if err != nil {
		return answer{}, err
	}
	out := ok(status(r))
	if r.Backup.Status == registry.InProgress {
		out.header = http.Header{"Retry-After": {number(pollEvery)}}
	}
	return out, nil
}

// download makes a presigned link. It goes into the answer and nowhere else.
func (a *API) download(ctx context.Context, c *call) (answer, error) {
	var p contract.DownloadBackupParams
	if err := c.read(&p, nil); err != nil {
		return answer{}, err
	}
	link, err := a.Service.URL(ctx, c.resource, backup.LinkOptions{Life: time.Duration(p.ExpiresIn) * time.Second, By: c.caller.Name})
	if err != nil {
		return answer{}, err
	}
	if a.Link != nil {
		link.URL = a.Link(c.request, link.URL)
	}
	c.note("expires_at", link.ExpiresAt.UTC().Format(time.RFC3339))
	if p.Redirect == contract.DownloadBackupParamsRedirectN1 {
		return answer{status: http.StatusFound, header: http.Header{"Location": {link.URL}}}, nil
	}
	left := max(0, int64(link.ExpiresAt.Sub(a.Now())/time.Second))
	return ok(contract.DownloadLink{URL: link.URL, Filename: link.Filename, Size: link.Size, Checksum: link.Checksum, ExpiresAt: link.ExpiresAt, ExpiresIn: left}), nil
}

func (a *API) delete(ctx context.Context, c *call) (answer, error) {
	b, err := a.Service.Delete(ctx, c.resource, c.caller.Subject)
	if err != nil {
		return answer{}, err
	}
	c.note("file", b.Filepath)
	return ok(contract.DeleteBackupResponse{Success: true, Message: "backup " + b.Filename + " was removed"}), nil
}

// validate reads a small backup within the request and hands a large one over.
func (a *API) validate(ctx context.Context, c *call) (answer, error) {
	if a.LaunchValidation != nil {
		b, err := a.Service.Info(ctx, c.resource)
		if err != nil {
			return answer{}, err
		}
		if b.Status == registry.Success && b.Size > a.ValidateInline {
			at := a.Now().UTC().Truncate(time.Millisecond)
			if err := a.LaunchValidation(ctx, b.ID); err != nil {
				return answer{}, fmt.Errorf("start the validation of %s: %w", b.ID, err)
			}
			c.note("launched", "true")
			return accepted("/api/backup/"+b.ID, contract.ValidationAccepted{ID: b.ID, RequestedAt: at}), nil
		}
	}
	v, err := a.Service.Validate(ctx, c.resource, backup.ValidateOptions{})
	if err != nil {
		return answer{}, err
	}
	c.note("valid", strconv.FormatBool(v.Valid))
	return ok(validation(v)), nil
}

// prove has a backup proven by whoever does that. What cannot be proven at all is refused at once.
func (a *API) prove(ctx context.Context, c *call) (answer, error) {
	b, err := a.Service.Provable(ctx, c.resource)
	if err != nil {
		return answer{}, err
	}
	if a.LaunchProof == nil {
		return answer{}, fault.New(fault.Validation, fault.TargetLacks, "Prove it on a machine that has a PostgreSQL server's programs; on AWS, proofs need the parameter ProofImage.", "no proofs are made here")
	}
	at := a.Now().UTC().Truncate(time.Millisecond)
	if err := a.LaunchProof(ctx, b.ID, c.caller.Subject); err != nil {
		return answer{}, fmt.Errorf("start the proof of %s: %w", b.ID, err)
	}
	return accepted("/api/backup/"+b.ID, contract.ValidationAccepted{ID: b.ID, RequestedAt: at}), nil
}

func (a *API) cancel(ctx context.Context, c *call) (answer, error) {
	b, err := a.Service.Cancel(ctx, c.resource, c.caller.Subject)
	if err != nil {
		return answer{}, err
	}
	return accepted("/api/backup/status/"+b.ID, metadata(b)), nil
}

func (a *API) cleanup(ctx context.Context, c *call) (answer, error) {
	var body contract.CleanupRequest
	if err := c.read(nil, &body); err != nil {
		return answer{}, err
	}
	c.note("dry_run", strconv.FormatBool(body.DryRun))
	options := backup.CleanupOptions{Days: body.Days, MaxBackups: body.MaxBackups, DryRun: body.DryRun, At: body.At, By: c.caller.Subject}
	if len(body.As) > 0 {
		as, err := sourceSettings(body.As)
		if err != nil {
			return answer{}, err
		}
		c.note("source", as.Name)
		options.As = &as
	}
	report, err := a.Service.Cleanup(ctx, options)
	if err != nil {
		return answer{}, err
	}
	c.note("removed", number(len(report.Removed)))
	return ok(cleanup(report)), nil
}
