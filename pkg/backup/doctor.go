package backup

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cofre/pkg/fault"
	"cofre/pkg/overview"
	"cofre/pkg/quantity"
	"cofre/pkg/registry"
	"cofre/pkg/storage"
)

// Outcomes of a check.
const (
	CheckOK      = "ok"
	CheckWarning = "warning"
	CheckFailed  = "failed"
)

// Check is one thing that doctor looked at.
type Check struct {
	Name   string          `json:"name"`
	Result string          `json:"result"` // ok, warning or failed
	Detail string          `json:"detail"`
	Hint   string          `json:"hint,omitempty"`
	Next   overview.Next   `json:"next,omitzero"` // zero where the hint says all
	Error  *registry.Error `json:"error,omitempty"`
	Source string          `json:"-"` // that it is about; the name has it, too
}

// Failing makes the check of an error.
func Failing(name string, err error) Check {
	f := fault.From(err)
	return Check{Name: name, Result: CheckFailed, Detail: f.Error(), Hint: f.Hint, Error: registry.ErrorOf(err)}
}

// Diagnosis is what doctor found.
type Diagnosis struct {
	OK     bool    `json:"ok"` // nothing failed
	Checks []Check `json:"checks"`
}

// Doctor looks at everything that a backup needs (storage and what it can do, permissions, registry, leftovers,
// database, versions), settles what dead runs left, and says what to do about the rest.
func (s *Service) Doctor(ctx context.Context) Diagnosis {
	d := Diagnosis{Checks: s.checkStorage(ctx)}
	stored := d.Checks[0].Result != CheckFailed // else its error stands there already, and what is kept there is not known
	d.Checks = append(d.Checks, s.checkRecords(ctx, d.Checks[0])...)
	if stored {
		d.Checks = append(d.Checks, s.checkPlaces(ctx)...)
	}
	d.Checks = append(d.Checks, s.checkEncryption())
	d.Checks = append(d.Checks, s.checkSignatures(ctx)...)
	if s.Engine != nil {
		all, err := s.Configured, error(nil)
		if stored {
			all, err = s.Sources(ctx)
		}
		if err != nil {
			d.Checks = append(d.Checks, Failing("sources", err))
		} else {
			d.Checks = append(d.Checks, s.Engine.Checks(ctx, all)...)
			d.Checks = append(d.Checks, CheckFollowed(all)...)
		}
	}
	if stored {
		d.Checks = append(d.Checks, s.checkSources(ctx)...)
		if s.CheckPeople != nil {
			d.Checks = append(d.Checks, s.CheckPeople(ctx)...)
		}
	}
	return Diagnosed(d.Checks)
}

// Diagnosed sums checks up.
func Diagnosed(checks []Check) Diagnosis {
	d := Diagnosis{OK: true, Checks: checks}
	for _, c := range checks {
		if c.Result == CheckFailed {
			d.OK = false
		}
	}
	return d
}

func (s *Service) checkStorage(ctx context.Context) []Check {
	caps, err := s.Store.Probe(ctx)
	if err != nil {
		return []Check{Failing("storage", err)}
	}
	checks := []Check{{Name: "storage", Result: CheckOK, Detail: s.Store.Describe() + ": can be listed, read, written and deleted from"}}
	if adviser, ok := s.Store.(storage.Adviser); ok {
		for _, a := range adviser.Advice(ctx) {
			checks = append(checks, Check{Name: "storage: access", Result: CheckWarning, Detail: a.Message, Hint: a.Hint})
		}
	}
	c := Check{Name: "storage: safe updates", Result: CheckOK, Detail: "create-only and replace-if-unchanged writes work"}
	const oneAtATime = "Run one cofre at a time on this backup directory, or use a service that has them (AWS S3, MinIO, Cloudflare R2, a local directory)."
	switch {
	case !caps.CreateOnly || !caps.ReplaceIfUnchanged || !caps.CompleteCreateOnly:
		c.Result, c.Detail, c.Hint = CheckWarning, "storage has no conditional writes, or does not keep them among several writers; cofre checks before it writes", oneAtATime
	case caps.DeletedNamesTaken:
		c.Result, c.Detail, c.Hint = CheckWarning, "storage refuses create-only writes where an object was deleted; cofre checks first there", oneAtATime
	}
	checks = append(checks, c)
	if caps.UploadsStay {
		checks = append(checks, Check{Name: "storage: unfinished uploads", Result: CheckWarning, Detail: "this service cannot list them, or cannot end them without harm; what a failed backup had sent stays there",
			Hint: "Let a rule of the bucket remove unfinished uploads after some days (AbortIncompleteMultipartUpload), or remove them by the service's own means."})
	}
	c = Check{Name: "storage: tags", Result: CheckOK, Detail: "objects carry tags"}
	if !caps.Tags {
		c = Check{Name: "storage: tags", Result: CheckOK, Detail: "this service has no object tags; manifests are used instead"}
	}
	if caps.ObjectLock {
		c.Detail += "; the bucket has object lock, which keeps audit records from being removed"
	}
	checks = append(checks, c)
	if name, err := s.SourceName(ctx); err == nil {
		if err := s.checkLock(ctx, name); err != nil {
			checks = append(checks, Failing("storage: object lock", err))
		}
	}
	c = Check{Name: "storage: checksums", Result: CheckOK, Detail: "the service keeps a CRC-64/NVME of each object"}
	if !caps.CRC64NVME {
		c.Detail = "each part is compared by its checksum, the object by its size"
	}
	limits := ""
	if caps.MaxParts > 0 {
		limits = fmt.Sprintf("; at most %d parts an upload", caps.MaxParts)
	}
	if caps.EqualParts {
		limits += " of one size"
	}
	c.Detail += limits
	return append(checks, c)
}

// checkRecords looks at the registry, whatever became of the probe: settling what dead runs left may need less. What
// fails for the same reason is said once.
func (s *Service) checkRecords(ctx context.Context, store Check) []Check {
	checks := s.checkRegistry(ctx)
	if store.Result == CheckFailed && checks[0].Result == CheckFailed && checks[0].Error.Reason == store.Error.Reason {
		return checks[1:]
	}
	return checks
}

func (s *Service) checkRegistry(ctx context.Context) []Check {
	rep, err := s.Registry.Reconcile(ctx)
	if err != nil {
		return []Check{Failing("registry", err)}
	}
	v, err := s.Registry.Read(ctx)
	if err != nil {
		return []Check{Failing("registry", err)}
	}
	c := v.Count()
	good, failed, damaged, bytes := c.Verified, c.Failed, c.Damaged, c.Bytes
	unverified := c.Succeeded - c.Verified - c.Damaged
	detail := "no backups yet"
	if good+failed+len(rep.Running) > 0 || bytes > 0 {
		detail = fmt.Sprintf("%s (%s), %d failed, %d running", quantity.Plural(good, "good backup"), quantity.Bytes(bytes), failed, len(rep.Running))
	}
	checks := []Check{{Name: "registry", Result: CheckOK, Detail: detail}}
	if err := v.CheckSettings(); err != nil {
		checks = append(checks, Failing("settings", err))
	}
	if off := s.ContentsOff(v); off != "" {
		checks = append(checks, Check{Name: "contents", Result: CheckOK, Detail: off})
	}
	if damaged > 0 {
		checks = append(checks, Check{Name: "damaged backups", Result: CheckWarning, Detail: quantity.Plural(damaged, "damaged backup"), Hint: "List them with: cofre list --damaged"})
	}
	if unverified > 0 {
		checks = append(checks, Check{Name: "unverified backups", Result: CheckWarning, Detail: quantity.Plural(unverified, "backup") + " without a manifest, known from the tags alone",
			Hint: "Read each of them back: cofre validate ID"})
	}
	if n := len(rep.Failed) + len(rep.Completed) + len(rep.Removed); n > 0 {
		checks = append(checks, Check{Name: "leftovers", Result: CheckOK, Detail: fmt.Sprintf("cleaned up after interrupted runs: %d marked failed, %d completed, %d removals finished", len(rep.Failed), len(rep.Completed), len(rep.Removed))})
	}
	if len(rep.Problems) > 0 {
		checks = append(checks, Check{Name: "leftovers", Result: CheckWarning, Detail: strings.Join(first(rep.Problems, 5), "; "), Hint: "The next cleanup tries again."})
	}
	return checks
}

// checkSources says how it stands with each source.
func (s *Service) checkSources(ctx context.Context) []Check {
	var checks []Check
	all, err := s.Sources(ctx)
	if err != nil {
		return append(checks, Failing("sources", err))
	}
	said := map[string]error{}
	if s.Engine != nil {
		said = s.CheckSources(ctx, all.Active())
	}
	maps.DeleteFunc(said, func(_ string, err error) bool { return err != nil }) // a refusal is in the overview
	if _, err := s.NoteSources(ctx, slices.Sorted(maps.Keys(said))); err != nil {
		s.Log.Warn("the sources were not put on record", "error", err.Error())
	}
	if err := s.NoteVanished(ctx, all); err != nil {
		s.Log.Warn("databases that are gone were not put on record", "error", err.Error())
	}
	o, err := s.Overview(ctx, nil)
	if err != nil {
		return append(checks, Failing("sources", err))
	}
	for i := range o.Sources {
		checks = append(checks, sourceCheck(&o.Sources[i]))
	}
	if c, ok := s.CheckProofs(ctx, o); ok {
		checks = append(checks, c)
	}
	if text, hint, soon := StorageFull(o); soon {
		checks = append(checks, Check{Name: "storage: room", Result: CheckWarning, Detail: text, Hint: hint, Next: overview.Next{Step: overview.StepRoom}})
	}
	return checks
}

func sourceCheck(s *overview.Source) Check {
	c := Check{Name: "source " + s.Name, Result: CheckOK}
	if s.LastWhole != nil {
		c.Detail = "the last good backup is " + overview.Ago(s.Age()) + " old, " + proofOf(s)
	}
	// What is damaged stands with the registry, with the command that lists it.
	findings := slices.DeleteFunc(slices.Clone(s.Findings), func(f overview.Finding) bool { return f.Code == overview.Damage })
	if len(findings) == 0 {
		return c
	}
	var texts []string
	for _, f := range findings {
		texts = append(texts, f.Text)
	}
	worst := findings[0]
	c.Result, c.Detail, c.Hint = CheckWarning, strings.Join(texts, "; "), worst.Hint
	c.Next = overview.Next{Step: worst.Step, Source: s.Name, Backup: worst.Backup}
	if worst.Severity == overview.Failing {
		c.Result = CheckFailed
		c.Error = &registry.Error{Code: fault.BackupCreation, Reason: fault.Reason(worst.Code), Message: c.Name + ": " + worst.Text, Hint: worst.Hint}
		if worst.Code == overview.ServerChanged {
			c.Error.Code = fault.Validation
		}
		if e := worst.Error; e != nil {
			c.Error.Code, c.Error.Reason = e.Code, e.Reason
		}
	}
	return c
}

// proofOf says when a backup was proven last.
func proofOf(s *overview.Source) string {
	age, ok := s.ProofAge()
	if !ok {
		return "and none was ever proven"
	}
	text := "and proven "
	if s.LastProven.ID != s.LastWhole.ID {
		text = "and one was proven "
	}
	if s.LastProven.InPart {
		text += "in part "
	}
	return text + overview.Ago(age) + " ago"
}

// checkSignatures says whether new backups are signed, and whether signatures are asked for here.
func (s *Service) checkSignatures(ctx context.Context) []Check {
	signing := Check{Name: "signing", Result: CheckOK, Detail: "off: whoever may write to the storage can replace a backup together with its records"}
	if s.SigningKey != nil {
		signing = s.checkSigning(ctx)
	}
	trusted := Check{Name: "trusted keys", Result: CheckOK, Detail: "none: validate, download and restore take what lies in the storage"}
	if n := len(s.TrustedKeys); n > 0 {
		trusted.Detail = "validate, download and restore take what was signed by " + strings.Join(s.TrustedKeys[:min(n, 10)], " or ")
		if n > 10 {
			trusted.Detail += fmt.Sprintf(", or by one of %d more", n-10)
		}
	}
	return []Check{signing, trusted}
}

// checkSigning signs, since only that shows that the key can be used.
func (s *Service) checkSigning(ctx context.Context) Check {
	key, err := s.SigningKey(ctx)
	if err == nil {
		err = s.Registry.TrySigning(ctx)
	}
	if err != nil {
		return Failing("signing", err)
	}
	c := Check{Name: "signing", Result: CheckOK, Detail: "on, with the key " + key.Fingerprint}
	if key.Where != "" {
		c.Detail += fmt.Sprintf(" in AWS KMS (%s); its public half, for BACKUP_TRUSTED_KEYS: %s", key.Where, key.Public)
	}
	if len(s.TrustedKeys) > 0 && !key.Trusted {
		c.Result, c.Hint = CheckWarning, "Add its public half to BACKUP_TRUSTED_KEYS: "+key.Public
		c.Detail += "; it is not among the trusted keys, so that backups which are made here are refused here"
	}
	return c
}

func (s *Service) checkEncryption() Check {
	c := Check{Name: "encryption", Result: CheckOK, Detail: "off: backups are protected by the storage's access rules alone"}
	switch {
	case s.Defaults.Encrypt && len(s.Recipients) == 0:
		return Check{Name: "encryption", Result: CheckFailed, Detail: "on, but there is no recipient to encrypt to", Hint: "Set BACKUP_AGE_RECIPIENTS to one or more age public keys."}
	case s.Defaults.Encrypt:
		c.Detail = fmt.Sprintf("on, to %d recipients", len(s.Recipients))
		if len(s.Identities) == 0 {
			c.Detail += "; no key here, so this machine can neither look into them nor restore them"
		}
	}
	return c
}
