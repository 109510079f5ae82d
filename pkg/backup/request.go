package backup

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/fault"
	"cofre/pkg/registry"
	"cofre/pkg/source"
)

// Formats and contents of a backup.
const (
	FormatCustom = "custom" // pg_dump's archive, for pg_restore
	FormatPlain  = "plain"  // an SQL script, for psql

	// Triggers.
	TriggerManual   = registry.TriggerManual
	TriggerSchedule = registry.TriggerSchedule
	TriggerAPI      = registry.TriggerAPI

	// Scheduler is who makes what no user asked for.
	Scheduler = "schedule"

	ContentAll    = registry.ContentAll
	ContentSchema = registry.ContentSchema
	ContentData   = registry.ContentData
)

// MaxJobs bounds the connections that read rows at once.
const MaxJobs = 64

// Request asks for a backup. The zero value asks for a whole one with the defaults.
type Request struct {
	Filename  string `json:"filename,omitempty"`
	Directory string `json:"directory,omitempty"` // under files/
	Database  string `json:"database,omitempty"`  // on the source's server; default: the source's own
	Source    string `json:"source,omitempty"`    // default: see source.List.Choose
	Content   string `json:"content,omitempty"`   // all, schema or data
	Format    string `json:"format,omitempty"`    // custom or plain; default from the file name, else custom
	// Compression is auto, none, gzip, zstd or lz4 (custom only), with an optional :level. Default auto, or
	// none where compression is switched off.
	Compression string `json:"compression,omitempty"`
	Jobs        int    `json:"jobs,omitempty"` // connections that read rows at once; 0 chooses
	Rows        string `json:"rows,omitempty"` // text or binary (custom only); default by the settings
	Encrypt     *bool  `json:"encrypt,omitempty"`
	// Globals asks for the server's roles, memberships, settings of roles and tablespaces beside the backup. Without it they are kept
	// with encrypted backups that hold all definitions, if they can be read.
	Globals          *bool              `json:"globals,omitempty"`
	GlobalsPasswords bool               `json:"globalsPasswords,omitempty"` // hashes of passwords, too; encrypted only
	Selection        registry.Selection `json:"selection"`
	Labels           map[string]string  `json:"labels,omitempty"`
	CreatedBy        string             `json:"createdBy,omitempty"`
	// IdempotencyKey names the request among those of its creator: the same one makes no second backup.
	IdempotencyKey string `json:"idempotencyKey,omitempty"`
	Trigger        string `json:"trigger,omitempty"` // manual, schedule or api
}

func invalid(hint, format string, args ...any) error {
	return fault.New(fault.Validation, fault.InvalidInput, hint, format, args...)
}

// normalize checks a request whole and fills what it leaves out. Everything that can be refused without
// touching the database is refused here.
func (s *Service) normalize(ctx context.Context, r Request) (Request, error) {
	if err := s.fill(ctx, &r); err != nil {
		return r, err
	}
	if r.Content == "" {
		r.Content = ContentAll
	}
	if r.Trigger == "" {
		r.Trigger = TriggerManual
	}
	if r.Encrypt == nil {
		r.Encrypt = &s.Defaults.Encrypt
	}
	if !slices.Contains([]string{ContentAll, ContentSchema, ContentData}, r.Content) {
		return r, invalid("Use all, schema or data.", "unknown content %.40q", r.Content)
	}
	if r.Jobs < 0 || r.Jobs > MaxJobs {
		return r, invalid(fmt.Sprintf("Use a number from 1 to %d, or leave it out.", MaxJobs), "%d jobs", r.Jobs)
	}
	for _, f := range []func(*Request) error{s.normalizeFormat, checkRows, checkDirectory, checkName, checkLabels, s.checkEncrypt, checkGlobals} {
		if err := f(&r); err != nil {
			return r, err
		}
	}
	for what, v := range map[string]string{"the creator": r.CreatedBy, "the trigger": r.Trigger, "the idempotency key": r.IdempotencyKey} {
		if err := checkText(what, v, 200); err != nil {
			return r, err
		}
	}
	if r.Directory != "" {
		if err := s.allowed(r.Directory); err != nil {
			return r, err
		}
	}
	return r, checkSelection(r)
}

// checkRows looks at how rows are to be written.
func checkRows(r *Request) error {
	switch {
	case r.Rows != "" && r.Rows != RowsText && r.Rows != RowsBinary:
		return invalid("Use text or binary.", "unknown rows %.40q", r.Rows)
	case r.Rows == RowsBinary && r.Format == FormatPlain:
		return invalid("Use the format custom, or leave the rows out.", "rows cannot be binary in an SQL script")
	}
	return nil
}

// fill puts what the settings of its source say into what a request leaves out.
func (s *Service) fill(ctx context.Context, r *Request) error {
	if r.Source != "" {
		if err := source.CheckName(r.Source); err != nil {
			return err
		}
	}
	if err := checkText("the database name", r.Database, 200); err != nil {
		return err
	}
	all, err := s.Sources(ctx)
	if err != nil || s.Engine == nil || len(all.Sources) == 0 { // reserved here, and made elsewhere
		return err
	}
	from, err := all.Choose(r.Source, r.Database, s.Engine.Database)
	if err != nil {
		return err
	}
	r.Source = from.Name
	if ext, _, _ := extension(r.Filename); r.Format == "" && ext == "" {
		r.Format = from.Format
	}
	if len(from.Tags) > 0 {
		labels := maps.Clone(from.Tags)
		maps.Copy(labels, r.Labels)
		r.Labels = labels
	}
	return nil
}

// sourceOf is what a request is to be a backup of: the settings of the source that it names, or of the only one that may be meant.
func (s *Service) sourceOf(ctx context.Context, r Request) (source.Settings, error) {
	all, err := s.Sources(ctx)
	if err != nil {
		return source.Settings{}, err
	}
	return all.Choose(r.Source, r.Database, s.Engine.Database)
}

// requested reads what was reserved with a backup. It lay in the storage since, where others may write: so it is checked as when it
// was asked for, and has to be what the record says.
func (s *Service) requested(ctx context.Context, b Backup, raw json.RawMessage) (Request, error) {
	var r Request
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, fault.Wrap(err, fault.Validation, fault.StructureDamaged, "Look who may write to the storage. Start a new backup.", "the request of backup %s is not what cofre writes", b.ID)
	}
	r, err := s.normalize(ctx, r)
	if err != nil {
		return r, fmt.Errorf("the request of backup %s, as it was stored: %w", b.ID, err)
	}
	asked := b
	asked.Content, asked.Selection = r.Content, recorded(r.Selection)
	if b.Format != r.Format || b.Compression != r.Compression || (b.Encryption != "none") != *r.Encrypt || asked.Row() != b.Row() || !sameSelection(asked.Selection, b.Selection) {
		return r, fault.New(fault.Validation, fault.StructureDamaged, "Look who may write to the storage. Start a new backup.", "the request of backup %s is not the one that its record was made for", b.ID)
	}
	return r, nil
}

// normalizeFormat settles format and compression together with the file name's extension.
func (s *Service) normalizeFormat(r *Request) error {
	ext, extFormat, extComp := extension(r.Filename)
	if r.Format == "" {
		r.Format = extFormat
	}
	if r.Format == "" {
		r.Format = FormatCustom
	}
	if r.Format != FormatCustom && r.Format != FormatPlain {
		return invalid("Use custom (for pg_restore) or plain (SQL, for psql).", "unknown format %.40q", r.Format)
	}
	if ext != "" && extFormat != r.Format {
		return invalid("Leave the extension out, or choose the format that it stands for.", "the file name ends in %s but the format is %s", ext, r.Format)
	}
	if r.Compression == "" {
		switch {
		case r.Format == FormatPlain && ext != "":
			r.Compression = extComp
		case !s.Defaults.Compress:
			r.Compression = "none"
		default:
			r.Compression = "auto"
		}
	}
	kind, _, err := parseCompression(r.Compression)
	if err != nil {
		return err
	}
	if r.Format == FormatPlain {
		if kind == "auto" {
			kind, r.Compression = "gzip", "gzip"
			if extComp == "zstd" {
				kind, r.Compression = "zstd", "zstd"
			}
		}
		if kind == "lz4" {
			return invalid("Use gzip or zstd.", "SQL scripts cannot be compressed with lz4")
		}
		if ext != "" && extComp != kind {
			return invalid("Leave the extension out, or choose the compression that it stands for.", "the file name ends in %s but the compression is %s", ext, kind)
		}
	}
	return nil
}

// extension gives the known extension of a file name, and the format and compression it stands for.
func extension(name string) (ext, format, compression string) {
	name = strings.TrimSuffix(strings.ToLower(name), ".age")
	for _, e := range []struct{ ext, format, comp string }{
		{".sql.gz", FormatPlain, "gzip"}, {".sql.zst", FormatPlain, "zstd"}, {".sql", FormatPlain, "none"}, {".dump", FormatCustom, ""},
	} {
		if strings.HasSuffix(name, e.ext) {
			return e.ext, e.format, e.comp
		}
	}
	return "", "", ""
}

// parseCompression splits kind[:level].
func parseCompression(s string) (kind string, level int, err error) {
	kind, lv, has := strings.Cut(s, ":")
	bounds, ok := map[string][2]int{"auto": {0, 0}, "none": {0, 0}, "gzip": {1, 9}, "zstd": {1, 22}, "lz4": {1, 12}}[kind]
	if !ok {
		return "", 0, invalid("Use auto, none, gzip, zstd or lz4, with a level behind it if you like: zstd:3.", "unknown compression %.40q", s)
	}
	if has {
		if _, err := fmt.Sscanf(lv, "%d", &level); err != nil || fmt.Sprint(level) != lv || level < bounds[0] || level > bounds[1] || bounds[1] == 0 {
			return "", 0, invalid(fmt.Sprintf("Levels of %s go from %d to %d.", kind, bounds[0], bounds[1]), "%.40q is not a compression level of %s", lv, kind)
		}
	}
	return kind, level, nil
}

func checkDirectory(r *Request) error {
	d := strings.Trim(r.Directory, " ")
	if d == "" || d == "." {
		r.Directory = ""
	} else {
		if strings.HasPrefix(d, "/") || strings.HasPrefix(d, "\\") || (len(d) > 1 && d[1] == ':') {
			return invalid("Name a directory inside the backup directory, such as nightly; the backup directory itself is BACKUP_DIRECTORY.", "the directory %.80q is absolute", r.Directory)
		}
		d = strings.TrimSuffix(d, "/")
		if len(d) > 300 {
			return invalid("Use at most 300 bytes.", "the directory's name is too long (%d bytes)", len(d))
		}
		for _, el := range strings.Split(d, "/") {
			if err := checkElement("directory", el); err != nil {
				return err
			}
		}
		r.Directory = d
	}
	return nil
}

// allowed refuses directories that the configuration does not allow.
func (s *Service) allowed(directory string) error {
	if len(s.Limits.AllowedDirectory) > 0 && !slices.Contains(s.Limits.AllowedDirectory, directory) {
		return invalid("Allowed are: "+strings.Join(s.Limits.AllowedDirectory, ", "), "the directory %q is not an allowed one", directory)
	}
	return nil
}

func checkName(r *Request) error {
	if r.Filename == "" {
		return nil
	}
	if strings.Contains(r.Filename, "/") {
		return invalid("Name the directory apart from the file.", "the file name %.80q holds a slash", r.Filename)
	}
	return checkElement("file name", r.Filename)
}

// checkElement checks one element of a path: what every file system and object store can hold, and shells
// and people can tell apart.
func checkElement(what, s string) error {
	hint := "Use letters, digits, dots, dashes and underscores."
	switch {
	case s == "" || s == "." || s == "..":
		return invalid(hint, "%q cannot be a %s", s, what)
	case len(s) > 200:
		return invalid("Use at most 200 bytes.", "the %s is too long (%d bytes)", what, len(s))
	case !utf8.ValidString(s):
		return invalid(hint, "the %s is not UTF-8", what)
	case s[0] == '-' || s[0] == '.' || s[0] == ' ' || s[len(s)-1] == ' ' || s[len(s)-1] == '.':
		return invalid(hint, "the %s %q begins or ends with a character that is not allowed there", what, s)
	}
	for _, c := range s {
		if !unicode.IsPrint(c) || strings.ContainsRune(`\:*?"<>|`, c) {
			return invalid(hint, "the %s %.80q holds the character %q", what, s, c)
		}
	}
	return nil
}

// checkText refuses control characters and overlong text.
func checkText(what, s string, limit int) error {
	if len(s) > limit {
		return invalid(fmt.Sprintf("Use at most %d bytes.", limit), "%s is too long (%d bytes)", what, len(s))
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return invalid("Leave control characters out.", "%s %.80q holds a control character", what, s)
	}
	return nil
}

func checkLabels(r *Request) error {
	if len(r.Labels) > 20 {
		return invalid("Use at most 20.", "too many labels (%d)", len(r.Labels))
	}
	for k, v := range r.Labels {
		if k == "" {
			return invalid("Write labels as key=value.", "a label has no key")
		}
		if err := checkText("the label's key", k, 60); err != nil {
			return err
		}
		if err := checkText("the label "+k, v, 200); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) checkEncrypt(r *Request) error {
	if *r.Encrypt && len(s.Recipients) == 0 {
		return invalid("Set BACKUP_AGE_RECIPIENTS to one or more age public keys (make one with: age-keygen).", "encryption is asked for but there is no recipient to encrypt to")
	}
	return nil
}

// checkGlobals looks at what is to be kept of the server.
func checkGlobals(r *Request) error {
	if !r.GlobalsPasswords {
		return nil
	}
	if r.Globals != nil && !*r.Globals {
		return invalid("Leave one of the two out.", "passwords of roles are asked for, but roles are not to be kept")
	}
	if !*r.Encrypt {
		return invalid("Encrypt the backup (BACKUP_ENABLE_ENCRYPTION and BACKUP_AGE_RECIPIENTS), or keep the roles without their passwords.", "hashes of passwords are kept with encrypted backups only")
	}
	yes := true
	r.Globals = &yes
	return nil
}

// fileName gives the name of a request's object: the given one or backup_<UTC time>, with the extensions that
// tell what is in it.
func fileName(r Request, at time.Time) string {
	name := r.Filename
	if name == "" {
		name = "backup_" + at.UTC().Format("2006-01-02_15-04-05")
	}
	if *r.Encrypt {
		name = strings.TrimSuffix(name, ".age")
	}
	if ext, _, _ := extension(name); ext == "" {
		kind, _, _ := strings.Cut(r.Compression, ":")
		switch {
		case r.Format == FormatCustom:
			name += ".dump"
		default:
			name += map[string]string{"none": ".sql", "gzip": ".sql.gz", "zstd": ".sql.zst"}[kind]
		}
	}
	if *r.Encrypt {
		name += ".age"
	}
	return name
}

func filePath(r Request, name string) string {
	return registry.FilesPrefix + path.Join(r.Directory, name)
}
