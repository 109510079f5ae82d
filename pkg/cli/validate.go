package cli

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

const validateLong = `Reads backups back and compares everything known about them: size, SHA-256, the storage service's own
checksum, tags, and the structure of the archive to its end, with every block decompressed. The outcome is
recorded; the stored file is never changed.

An argument is a backup's ID, file name or path; or any local file that cofre or pg_dump wrote, which needs
no BACKUP_DIRECTORY.`

const validateExamples = `  cofre validate 01JH5W0R8ZB3M7K2Q4X9T6V1NA
  cofre validate ./shop.dump ./shop.sql.gz              local files
  cofre list -q --status success | xargs cofre validate
  cofre validate 01JH5W0R8ZB3M7K2Q4X9T6V1NA --json | jq .valid`

// validation is one result of validate --json.
type validation struct {
	Ref string `json:"ref"` // the argument
	*backup.Validation
	Error *registry.Error `json:"error,omitempty"`
}

// validations is the document of validate --json.
type validations struct {
	Valid   bool            `json:"valid"` // all of them
	Results []validation    `json:"results"`
	Error   *registry.Error `json:"error,omitempty"` // the first
}

func (p *program) validateCommand() *cobra.Command {
	var o backup.ValidateOptions
	c := &cobra.Command{
		Use: "validate ID|FILE... [options]", Short: "Read backups back and verify them", Long: validateLong, Example: validateExamples,
		Args: arguments(1, -1, "a backup's id, or a file"), ValidArgsFunction: p.completeIDs(storedBackup, -1),
		RunE: func(cmd *cobra.Command, args []string) error { return p.validate(cmd.Context(), args, o) },
	}
	c.Flags().BoolVar(&o.AllowUnsigned, "allow-unsigned", false, "take a backup without a signature although BACKUP_TRUSTED_KEYS is set")
	c.Flags().BoolVar(&o.Retag, "retag", false, "write the object's tags again from the record first")
	return c
}

func (p *program) validate(ctx context.Context, refs []string, o backup.ValidateOptions) error {
	svc, a, err := p.validator(ctx, refs)
	if err != nil {
		return err
	}
	doc := validations{Results: []validation{}}
	all := several{p: p, of: len(refs)}
	for _, ref := range refs {
		v, err := p.validateOne(ctx, svc, ref, o)
		if a != nil && (err != nil || v.ID != "") { // local files are nobody's business
			p.acted(ctx, a, "validate", cmp.Or(v.ID, ref), err, map[string]string{"valid": strconv.FormatBool(err == nil && v.Valid)})
		}
		if ctx.Err() != nil && err != nil {
			return err
		}
		res := validation{Ref: ref, Error: recordOf(err)}
		if err == nil {
			res.Validation, err = &v, v.Err()
		}
		doc.Results = append(doc.Results, res)
		if !p.json {
			if perr := p.verdict(ref, v, err); perr != nil {
				return perr
			}
		}
		all.ended(err)
	}
	doc.Valid, doc.Error = all.first == nil, recordOf(all.first)
	return all.end(doc)
}

// validator opens the service. Files alone need no backup directory; there is no app then.
func (p *program) validator(ctx context.Context, refs []string) (*backup.Service, *app.App, error) {
	if p.getenv("BACKUP_DIRECTORY") == "" && allFiles(refs) {
		c, err := p.config(ctx)
		if err != nil {
			return nil, nil, err
		}
		svc, err := app.Files(c, p.log)
		return svc, nil, err
	}
	a, err := p.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	return a.Service, a, nil
}

func allFiles(refs []string) bool {
	for _, r := range refs {
		if !isFile(r) {
			return false
		}
	}
	return true
}

func isFile(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// validateOne validates a backup, or a local file when no backup has this name.
func (p *program) validateOne(ctx context.Context, svc *backup.Service, ref string, o backup.ValidateOptions) (backup.Validation, error) {
	bar := p.bar("reading")
	defer bar.Close()
	o.Progress = func(read, total int64) {
		bar.Set(term.State{Phase: "reading", Done: read, Total: total})
	}
	if svc.Registry == nil {
		return svc.ValidateFile(ctx, ref, o)
	}
	v, err := svc.Validate(ctx, ref, o)
	switch {
	case fault.HasReason(err, fault.NotFound) && isFile(ref):
		return svc.ValidateFile(ctx, ref, o)
	case fault.HasReason(err, fault.NotFound) && strings.ContainsAny(ref, `/\.`):
		return v, fault.New(fault.Validation, fault.NotFound, "Give a backup's id (cofre list) or the path of a file.", "no backup or file %.200q", ref)
	case err == nil:
		v.File = svc.Location(v.File)
		if v.Backup != nil {
			v.Backup.Filepath = svc.Location(v.Backup.Filepath)
		}
	}
	return v, err
}

// verdict prints the outcome of one validation.
func (p *program) verdict(ref string, v backup.Validation, err error) error {
	if v.File == "" || err != nil && v.Valid {
		return nil // it could not be made; the error says why
	}
	name := v.File
	if v.ID != "" {
		name = v.ID + "  " + v.File
	}
	if !v.Valid {
		if err := p.printf("%s %s\n", p.out.Red(p.out.Sign("✗", "damaged:")), term.Clean(name)); err != nil {
			return err
		}
		for _, pr := range v.Problems {
			if err := p.printf("  %s: %s\n", pr.Reason, term.Clean(pr.Detail)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := p.printf("%s %s\n  %s\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(name), strings.Join(findings(v), ", ")); err != nil {
		return err
	}
	for _, n := range v.Notes {
		p.note("  note: %s", term.Clean(n))
	}
	return nil
}

// findings says what a good validation looked at.
func findings(v backup.Validation) []string {
	took := time.Duration(v.DurationMS) * time.Millisecond
	f := []string{term.Bytes(v.Size)}
	if v.ID != "" {
		f = append(f, "SHA-256 as recorded")
	} else {
		f = append(f, "SHA-256 "+v.Checksum)
	}
	if c := v.Contents; c != nil {
		f = append(f, term.Plural(c.Tables, "table"))
		if c.Rows > 0 {
			f = append(f, term.Plural(int(c.Rows), "row"))
		}
		if c.LargeObjects > 0 {
			f = append(f, term.Plural(int(c.LargeObjects), "large object"))
		}
		if v.RowsAgree {
			f[len(f)-1] += " as counted when it was made"
		}
		if c.UncompressedBytes > v.Size {
			f = append(f, "unpacks to "+term.Bytes(c.UncompressedBytes))
		}
	}
	return append(f, fmt.Sprintf("read in %s", term.Duration(took)))
}
