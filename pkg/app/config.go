// Package app turns the environment into a wired service. It is the only place that knows every part.
package app

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"

	"cofre/pkg/access"
	"cofre/pkg/backup"
	"cofre/pkg/channel"
	"cofre/pkg/configfile"
	"cofre/pkg/engine"
	"cofre/pkg/event"
	"cofre/pkg/fault"
	"cofre/pkg/lazyregexp"
	"cofre/pkg/postgres"
	"cofre/pkg/retention"
	"cofre/pkg/schedule"
	"cofre/pkg/source"
	"cofre/pkg/spelling"
	"cofre/pkg/stream"
)

// Config is everything that can be set from outside. [Load] fills it from environment variables; the names
// stand behind each field.
type Config struct {
	// Directory is where backups go: s3://bucket/prefix, or a local directory (BACKUP_DIRECTORY).
	Directory string
	// Copies are the second locations (BACKUP_COPIES), each written as Directory is. StorageClass is that of the objects of backups in S3
	// (BACKUP_STORAGE_CLASS); "" is the bucket's own.
	Copies       []string
	StorageClass string
	// Database is the one to back up (DATABASE_URL, or libpq's PG* variables); HasDatabase tells whether any
	// of them was set.
	Database    postgres.Target
	HasDatabase bool
	// File is cofre.yaml (BACKUP_CONFIG), empty without one. FileName is where it lies, and FileURL the same in S3: Open reads it there.
	File              configfile.File
	FileName, FileURL string
	// FileChanged is when that was written, where it lies in S3.
	FileChanged time.Time
	// SecretPrefix begins the names of the secrets that the file may name (BACKUP_SECRET_PREFIX), such as cofre/shop/; "": any.
	SecretPrefix string
	// Source names what the database is backed up as (BACKUP_SOURCE); default the database's name.
	Source string

	MaxConcurrent     int               // BACKUP_MAX_CONCURRENT, default 2
	MaxSizeGB         float64           // BACKUP_MAX_SIZE_GB, stored size of one backup; 0: no limit
	MaxStorageGB      float64           // BACKUP_MAX_STORAGE_SIZE_GB, of all backups; 0: no limit
	RetentionDays     int               // BACKUP_RETENTION_DAYS, default 30; 0 keeps for ever
	MaxBackups        int               // BACKUP_MAX_BACKUPS_TO_KEEP of each source and kind; 0: no limit
	Keep              retention.Keepers // BACKUP_KEEP: what is kept whatever RetentionDays and MaxBackups say
	ObjectLock        backup.LockRule   // BACKUP_OBJECT_LOCK: for how long new backups are locked, and how
	Compress          bool              // BACKUP_ENABLE_COMPRESSION, default true
	CompressThreshold int               // BACKUP_COMPRESSION_THRESHOLD_MB: smaller databases are not compressed
	Encrypt           bool              // BACKUP_ENABLE_ENCRYPTION
	Recipients        []string          // BACKUP_AGE_RECIPIENTS, separated by commas
	IdentityFile      string            // BACKUP_AGE_IDENTITY_FILE
	SigningKey        string            // BACKUP_SIGNING_KEY: a private key of OpenSSH, the file with it, or awskms: and a key of AWS KMS
	ServerKey         string            // BACKUP_SERVER_KEY: an age identity, or the file with it; opens what encrypted backups contain, never backups
	TrustedKeys       string            // BACKUP_TRUSTED_KEYS: public keys, or the file with them
	DefaultDirectory  string            // BACKUP_DEFAULT_DIRECTORY, under files/
	AllowedDirectory  []string          // BACKUP_ALLOWED_DIRECTORIES, separated by commas
	ConnectRetries    int               // BACKUP_CONNECT_RETRIES, default 3
	LockWaitTimeout   time.Duration     // BACKUP_LOCK_WAIT_TIMEOUT, seconds, default 300
	EndOnLockWait     bool              // BACKUP_ON_LOCK_WAIT=end, the default: end a backup that somebody has waited for as long
	Engine            string            // BACKUP_ENGINE: auto, pg_dump or parallel
	Jobs              int               // BACKUP_JOBS: connections that read rows at once; 0 chooses
	Rows              string            // BACKUP_ROWS: text, the default, or binary
	RateLimitMB       int               // BACKUP_RATE_LIMIT_MB: rows read in a second; 0 is no limit
	PartSizeMB        int               // BACKUP_PART_SIZE_MB
	UploadConcurrency int               // BACKUP_UPLOAD_CONCURRENCY
	EqualParts        bool              // BACKUP_EQUAL_PARTS, for services that want parts of one size

	RowsLostPercent int   // BACKUP_ROWS_LOST_PERCENT, default 50: warn of a table that lost as much of its rows since the backup before; 0: never
	RowsLostMinimum int64 // BACKUP_ROWS_LOST_MINIMUM, default 100: but only if it had as many rows

	MaxAge          time.Duration // BACKUP_MAX_AGE_HOURS: how old the last good backup may be; 0: by the schedule, or 7 days
	Schedule        string        // BACKUP_SCHEDULE: cron expression of the scheduled backups; "" is none
	AutoCleanup     bool          // BACKUP_AUTO_CLEANUP_ENABLED, default true: clean up by CleanupSchedule
	CleanupSchedule string        // BACKUP_CLEANUP_SCHEDULE, default 30 4 * * *

	// Limits of each user of the API; 0 is none.
	MaxBackupsPerUser    int // BACKUP_MAX_BACKUPS_PER_USER, kept
	MaxConcurrentPerUser int // BACKUP_MAX_CONCURRENT_PER_USER
	MaxRequestsPerMinute int // BACKUP_MAX_REQUESTS_PER_MINUTE, default 300
	AuditRetentionDays   int // BACKUP_AUDIT_LOG_RETENTION_DAYS, default 365; 0 keeps for ever

	Issuer     string   // BACKUP_OIDC_ISSUER: whose tokens the API takes
	Audience   []string // BACKUP_OIDC_AUDIENCE, separated by commas: whom the tokens must be for
	ClientID   string   // BACKUP_OIDC_CLIENT_ID: as whom the web UI signs in; default the first audience
	RolesClaim string   // BACKUP_OIDC_ROLES_CLAIM, default cognito:groups

	Workflow string // BACKUP_WORKFLOW_ARN: the Step Functions state machine that makes backups; "" makes them here

	CopyWorkflow string // BACKUP_COPY_WORKFLOW_ARN: the one that copies to second locations; "" where somebody else does, or nobody

	MetricsNamespace string // BACKUP_METRICS_NAMESPACE: CloudWatch's, default cofre

	ProofTimeout time.Duration // BACKUP_PROOF_TIMEOUT_MINUTES: of a proof that the server makes
	// ProofSchedule is when somebody else makes the proofs of the database's backups (BACKUP_PROOF_SCHEDULE); "": nobody does.
	ProofSchedule string
	ProofMaxGB    float64 // BACKUP_PROOF_MAX_GB: what a proof may restore; 0: as much as there is room for
	ProofTarget   string  // BACKUP_PROOF_TARGET: the target of the file where proofs are made; "" makes them in servers of their own
	// ProofOrder is the link to the order of a proof that cofre run makes (BACKUP_PROOF_ORDER). It is a secret while it lives.
	ProofOrder  string
	ProofServer string // BACKUP_PROOF_SERVER: the folder with initdb and postgres for proofs; "" looks in the usual places

	ChannelARNs []string // BACKUP_CHANNEL_ARNS, separated by commas: topics of SNS and buses of EventBridge that channels in the bucket may name

	Language string // BACKUP_LANGUAGE, default en: of what channels tell

	PgDumpPath    string        // PGDUMP_PATH, a file or a folder
	PgDumpTimeout time.Duration // PGDUMP_TIMEOUT, seconds, default 3600

	recipients []age.Recipient
	second     configfile.Place // what the file says of Directory, where that is a second location
	// secondKey opens its credentials where they are kept in the bucket; secondElsewhere keeps it from leading to this machine.
	secondKey       func(purpose string) (string, error)
	secondElsewhere bool
	getenv          func(string) string
}

// variable is one environment variable: its name, an example, and how its value gets into a Config.
type variable struct {
	name, example string
	set           func(*Config, string) error
}

// variables are all that this version knows. Any other BACKUP_ or PGDUMP_ name is refused, so that a misspelt
// limit does not go unnoticed.
var variables = []variable{
	{"BACKUP_DIRECTORY", "s3://bucket/prefix or /srv/backups", setDirectory},
	{"BACKUP_COPIES", "s3://other-bucket/prefix,/mnt/second", setCopies},
	{"BACKUP_STORAGE_CLASS", "STANDARD_IA", setStorageClass},
	{"BACKUP_SECRET_PREFIX", "cofre/shop/", setSecretPrefix},
	{"BACKUP_SOURCE", "shop-production", func(c *Config, v string) error { c.Source = v; return source.CheckName(v) }},
	{"BACKUP_MAX_CONCURRENT", "2", number(1, 1000, func(c *Config, n int) { c.MaxConcurrent = n })},
	{"BACKUP_MAX_SIZE_GB", "10", decimal(func(c *Config, f float64) { c.MaxSizeGB = f })},
	{"BACKUP_MAX_STORAGE_SIZE_GB", "500", decimal(func(c *Config, f float64) { c.MaxStorageGB = f })},
	{"BACKUP_RETENTION_DAYS", "30", number(0, 36500, func(c *Config, n int) { c.RetentionDays = n })},
	{"BACKUP_MAX_BACKUPS_TO_KEEP", "60", number(0, 1_000_000, func(c *Config, n int) { c.MaxBackups = n })},
	{"BACKUP_KEEP", "daily=7,weekly=5,monthly=12", setKeep},
	{"BACKUP_OBJECT_LOCK", "governance=30", setObjectLock},
	{"BACKUP_ENABLE_COMPRESSION", "true", boolean(func(c *Config, b bool) { c.Compress = b })},
	{"BACKUP_COMPRESSION_THRESHOLD_MB", "1", number(0, 1_000_000, func(c *Config, n int) { c.CompressThreshold = n })},
	{"BACKUP_ENABLE_ENCRYPTION", "false", boolean(func(c *Config, b bool) { c.Encrypt = b })},
	{"BACKUP_AGE_RECIPIENTS", "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", setRecipients},
	{"BACKUP_AGE_IDENTITY_FILE", "/etc/cofre/key.txt", func(c *Config, v string) error { c.IdentityFile = v; return nil }},
	{"BACKUP_SERVER_KEY", "/etc/cofre/server-key.txt", func(c *Config, v string) error { c.ServerKey = v; return nil }},
	{"BACKUP_SIGNING_KEY", "/etc/cofre/signing", func(c *Config, v string) error { c.SigningKey = v; return nil }},
	{"BACKUP_TRUSTED_KEYS", "/etc/cofre/signing.pub", func(c *Config, v string) error { c.TrustedKeys = v; return nil }},
	{"BACKUP_DEFAULT_DIRECTORY", "nightly", func(c *Config, v string) error { c.DefaultDirectory = v; return nil }},
	{"BACKUP_ALLOWED_DIRECTORIES", "nightly,manual", setAllowed},
	{"BACKUP_CONNECT_RETRIES", "3", number(0, 20, func(c *Config, n int) { c.ConnectRetries = n })},
	{"BACKUP_LOCK_WAIT_TIMEOUT", "300", seconds(func(c *Config, d time.Duration) { c.LockWaitTimeout = d })},
	{"BACKUP_ON_LOCK_WAIT", "end", choice(func(c *Config, v string) { c.EndOnLockWait = v == "end" }, "warn", "end")},
	{"BACKUP_ENGINE", "auto", choice(func(c *Config, v string) { c.Engine = v }, engineAuto, engineOne, engineParallel)},
	{"BACKUP_JOBS", "4", number(1, engine.MaxJobs, func(c *Config, n int) { c.Jobs = n })},
	{"BACKUP_ROWS", "binary", choice(func(c *Config, v string) { c.Rows = v }, backup.RowsText, backup.RowsBinary)},
	{"BACKUP_RATE_LIMIT_MB", "50", number(1, 1_000_000, func(c *Config, n int) { c.RateLimitMB = n })},
	{"BACKUP_PART_SIZE_MB", "8", number(5, 5120, func(c *Config, n int) { c.PartSizeMB = n })},
	{"BACKUP_UPLOAD_CONCURRENCY", "4", number(1, 64, func(c *Config, n int) { c.UploadConcurrency = n })},
	{"BACKUP_EQUAL_PARTS", "false", boolean(func(c *Config, b bool) { c.EqualParts = b })},
	{"BACKUP_SCHEDULE", "0 2 * * *", cronExpression(func(c *Config, v string) { c.Schedule = v })},
	{"BACKUP_MAX_AGE_HOURS", "26", number(0, 876000, func(c *Config, n int) { c.MaxAge = time.Duration(n) * time.Hour })},
	{"BACKUP_ROWS_LOST_PERCENT", "50", number(0, 100, func(c *Config, n int) { c.RowsLostPercent = n })},
	{"BACKUP_ROWS_LOST_MINIMUM", "100", number(1, 1_000_000_000, func(c *Config, n int) { c.RowsLostMinimum = int64(n) })},
	{"BACKUP_AUTO_CLEANUP_ENABLED", "true", boolean(func(c *Config, b bool) { c.AutoCleanup = b })},
	{"BACKUP_CLEANUP_SCHEDULE", "30 4 * * *", cronExpression(func(c *Config, v string) { c.CleanupSchedule = v })},
	{"BACKUP_MAX_BACKUPS_PER_USER", "100", number(0, 1_000_000, func(c *Config, n int) { c.MaxBackupsPerUser = n })},
	{"BACKUP_MAX_CONCURRENT_PER_USER", "1", number(0, 1000, func(c *Config, n int) { c.MaxConcurrentPerUser = n })},
	{"BACKUP_MAX_REQUESTS_PER_MINUTE", "300", number(0, 1_000_000, func(c *Config, n int) { c.MaxRequestsPerMinute = n })},
	{"BACKUP_AUDIT_LOG_RETENTION_DAYS", "365", number(0, 36500, func(c *Config, n int) { c.AuditRetentionDays = n })},
	{"BACKUP_OIDC_ISSUER", "https://id.example.com/realms/shop", setIssuer},
	{"BACKUP_OIDC_AUDIENCE", "cofre", func(c *Config, v string) error { c.Audience = commas(v); return nil }},
	{"BACKUP_OIDC_CLIENT_ID", "cofre", func(c *Config, v string) error { c.ClientID = v; return nil }},
	{"BACKUP_OIDC_ROLES_CLAIM", "cognito:groups", func(c *Config, v string) error { c.RolesClaim = v; return nil }},
	{"BACKUP_WORKFLOW_ARN", "arn:aws:states:eu-west-1:123456789012:stateMachine:cofre", func(c *Config, v string) error { c.Workflow = v; return nil }},
	{"BACKUP_COPY_WORKFLOW_ARN", "arn:aws:states:eu-west-1:123456789012:stateMachine:cofre-copy", func(c *Config, v string) error { c.CopyWorkflow = v; return nil }},
	{"BACKUP_METRICS_NAMESPACE", "cofre/shop", setNamespace},
	{"BACKUP_PROOF_TIMEOUT_MINUTES", "360", number(1, 100_000, func(c *Config, n int) { c.ProofTimeout = time.Duration(n) * time.Minute })},
	{"BACKUP_PROOF_SCHEDULE", "0 6 * * 0", cronExpression(func(c *Config, v string) { c.ProofSchedule = v })},
	{"BACKUP_PROOF_MAX_GB", "50", decimal(func(c *Config, f float64) { c.ProofMaxGB = f })},
	{"BACKUP_PROOF_TARGET", "staging", func(c *Config, v string) error { c.ProofTarget = v; return nil }},
	{"BACKUP_PROOF_ORDER", "https://bucket.s3.amazonaws.com/...", func(c *Config, v string) error { c.ProofOrder = v; return nil }},
	{"BACKUP_PROOF_SERVER", "/usr/lib/postgresql/18/bin", func(c *Config, v string) error { c.ProofServer = v; return nil }},
	{"BACKUP_CHANNEL_ARNS", "arn:aws:sns:eu-west-1:123456789012:alerts,arn:aws:events:eu-west-1:123456789012:event-bus/alerts", setChannelARNs},
	{"BACKUP_LANGUAGE", "pt-BR", choice(func(c *Config, v string) { c.Language = v }, string(event.English), string(event.Portuguese))},
	{"PGDUMP_PATH", "/usr/bin/pg_dump", func(c *Config, v string) error { c.PgDumpPath = v; return nil }},
	{"PGDUMP_TIMEOUT", "3600", seconds(func(c *Config, d time.Duration) { c.PgDumpTimeout = d })},
	{"BACKUP_CONFIG", "/etc/cofre/cofre.yaml", setFile}, // last: what else is set holds for all that it says
}

// Load reads the environment ("NAME=value" lines). A wrong or unknown value is refused with the variable's
// name, what is wrong and an example; never with the value of a variable that may hold a secret.
func Load(environ []string) (Config, error) {
	env := map[string]string{}
	for _, kv := range environ {
		if k, v, ok := strings.Cut(kv, "="); ok {
			env[k] = v
		}
	}
	c := Config{
		MaxConcurrent: 2, RetentionDays: 30, Compress: true, ConnectRetries: 3, LockWaitTimeout: 5 * time.Minute, PgDumpTimeout: time.Hour,
		ProofTimeout: 6 * time.Hour, AutoCleanup: true, CleanupSchedule: "30 4 * * *", MaxRequestsPerMinute: 300, AuditRetentionDays: 365, RolesClaim: "cognito:groups",
		Language: string(event.English), MetricsNamespace: "cofre", EndOnLockWait: true, Engine: engineAuto, Rows: backup.RowsText, RowsLostPercent: 50, RowsLostMinimum: 100,
		getenv: func(k string) string { return env[k] },
	}
	if err := refuseUnknown(env); err != nil {
		return c, err
	}
	for _, v := range variables {
		value := strings.TrimSpace(env[v.name])
		if value == "" {
			continue
		}
		if err := v.set(&c, value); err != nil {
			hint := fmt.Sprintf("For example: %s=%s", v.name, v.example)
			if own := (*fault.Error)(nil); errors.As(err, &own) {
				hint = cmp.Or(own.Hint, hint) // what is in the file, not how the variable is set
			}
			return c, fault.Wrap(err, fault.Validation, fault.InvalidInput, hint, "%s has an invalid value", v.name)
		}
	}
	return c, c.loadDatabase(env)
}

func (c *Config) loadDatabase(env map[string]string) error {
	url := strings.TrimSpace(env["DATABASE_URL"])
	c.HasDatabase = url != "" || env["PGHOST"] != "" || env["PGDATABASE"] != "" || env["PGSERVICE"] != "" || env["PGHOSTADDR"] != ""
	if !c.HasDatabase {
		return nil
	}
	t, err := postgres.ParseTarget(url, c.getenv)
	if err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	c.Database = t
	return nil
}

func refuseUnknown(env map[string]string) error {
	var unknown []string
	for k := range env {
		if (strings.HasPrefix(k, "BACKUP_") || strings.HasPrefix(k, "PGDUMP_")) &&
			!slices.ContainsFunc(variables, func(v variable) bool { return v.name == k }) {
			unknown = append(unknown, k)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	sort.Strings(unknown)
	names := make([]string, len(variables))
	for i, v := range variables {
		names[i] = v.name
	}
	hint := "Known variables: " + strings.Join(names, ", ") + "."
	if near := spelling.Nearest(unknown[0], names); near != "" {
		hint = "Did you mean " + near + "? " + hint
	}
	return fault.New(fault.Validation, fault.InvalidInput, hint,
		"unknown environment variable %s", strings.Join(unknown, ", "))
}

// The values of BACKUP_ENGINE.
const (
	engineAuto     = "auto"
	engineOne      = "pg_dump"  // one pg_dump, whatever may be
	engineParallel = "parallel" // several connections for small databases, too
)

// choice takes one of a few words.
func choice(set func(*Config, string), words ...string) func(*Config, string) error {
	return func(c *Config, v string) error {
		if !slices.Contains(words, v) {
			return fmt.Errorf("it is none of %s", strings.Join(words, ", "))
		}
		set(c, v)
		return nil
	}
}

func setFile(c *Config, v string) (err error) {
	c.FileName = v
	if strings.HasPrefix(v, "s3://") {
		c.FileURL = v
		return nil
	}
	c.File, err = configfile.Read(v)
	return err
}

// secretPrefix is how the names of secrets begin that cofre.yaml can name; see cofre.schema.json.
var secretPrefix = lazyregexp.New(`^cofre/([A-Za-z0-9_+=.@-]{1,100}/){1,5}$`)

func setSecretPrefix(c *Config, v string) error {
	if !secretPrefix().MatchString(v) {
		return errors.New("want how the names of secrets begin: cofre/, a name, and a slash at the end")
	}
	c.SecretPrefix = v
	return nil
}

func setRecipients(c *Config, v string) error {
	c.Recipients = strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == '\n' }) // SSH keys hold spaces
	var err error
	c.recipients, err = stream.ParseRecipients(strings.Join(c.Recipients, "\n"))
	return err
}

func setAllowed(c *Config, v string) error {
	for _, d := range commas(v) {
		if d = strings.Trim(d, "/"); d != "" {
			c.AllowedDirectory = append(c.AllowedDirectory, d)
		}
	}
	return nil
}

// namespace is what CloudWatch takes, but for its own: those begin with AWS/.
var namespace = lazyregexp.New(`^[0-9A-Za-z._/#-]{1,255}$`)

func setNamespace(c *Config, v string) error {
	if !namespace().MatchString(v) || strings.HasPrefix(v, "AWS/") {
		return errors.New("want up to 255 letters, digits and ._/#-, and none of AWS's own")
	}
	c.MetricsNamespace = v
	return nil
}

func setChannelARNs(c *Config, v string) error {
	c.ChannelARNs = commas(v)
	for _, arn := range c.ChannelARNs {
		if !channel.IsARN(arn) {
			return fmt.Errorf("%.80q is the ARN of neither a topic of SNS nor a bus of EventBridge", arn)
		}
	}
	return nil
}

// commas splits a list, and drops what is empty.
func commas(v string) []string {
	return strings.FieldsFunc(strings.ReplaceAll(v, " ", ""), func(r rune) bool { return r == ',' })
}

func setIssuer(c *Config, v string) error {
	c.Issuer = v
	return access.CheckURL(v)
}

// cronExpression takes a cron expression.
func cronExpression(set func(*Config, string)) func(*Config, string) error {
	return func(c *Config, v string) error {
		s, err := schedule.Parse(v)
		if err != nil {
			return err
		}
		set(c, s.String())
		return nil
	}
}

func number(low, high int, set func(*Config, int)) func(*Config, string) error {
	return func(c *Config, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < low || n > high {
			return fmt.Errorf("%.40q is not a whole number from %d to %d", v, low, high)
		}
		set(c, n)
		return nil
	}
}

func decimal(set func(*Config, float64)) func(*Config, string) error {
	return func(c *Config, v string) error {
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || !(f >= 0 && f <= 1e9) {
			return fmt.Errorf("%.40q is not a number of gigabytes", v)
		}
		set(c, f)
		return nil
	}
}

func seconds(set func(*Config, time.Duration)) func(*Config, string) error {
	return number(1, 30*24*3600, func(c *Config, n int) { set(c, time.Duration(n)*time.Second) })
}

func boolean(set func(*Config, bool)) func(*Config, string) error {
	return func(c *Config, v string) error {
		switch strings.ToLower(v) {
		case "true", "1", "yes", "on":
			set(c, true)
		case "false", "0", "no", "off":
			set(c, false)
		default:
			return fmt.Errorf("%.40q is neither true nor false", v)
		}
		return nil
	}
}
