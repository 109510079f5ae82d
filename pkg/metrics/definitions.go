// Package metrics says what cofre measures: one list of definitions, one source of samples, rendered two ways.
//
// "cofre serve" shows them to Prometheus ([Recorder]), a function on AWS writes them as lines in CloudWatch's embedded
// metric format ([EMF]). There are two kinds of sources. What happens in this process, such as a backup that ended
// ([Ended]), is counted. The state of all backups, whoever made them, is worked out from the registry when it is asked
// for ([State]). docs/operating.md lists all names; a test compares the two.
//
// No label and no value is a secret: names of sources and databases, error codes and operations are all there is.
package metrics

// Kind is how a metric behaves over time.
type Kind string

// The kinds. Samples of a gauge are set, those of a counter added, those of a histogram observed.
const (
	Gauge     Kind = "gauge"
	Counter   Kind = "counter"
	Histogram Kind = "histogram"
)

// Unit is what a value counts.
type Unit string

// The units. Prometheus gets base units; for CloudWatch seconds become milliseconds where EMFMillis is set.
const (
	Count          Unit = "count"
	Seconds        Unit = "seconds"
	Bytes          Unit = "bytes"
	BytesPerSecond Unit = "bytes per second"
	Ratio          Unit = "ratio"
)

// Definition is one metric.
type Definition struct {
	Name   string // for Prometheus
	EMF    string // for CloudWatch; "" is not sent there
	Kind   Kind
	Unit   Unit
	Help   string
	Labels []string // for Prometheus; CloudWatch's dimensions are the same with a capital letter
	// EMFMillis: CloudWatch gets seconds as milliseconds.
	EMFMillis bool
	buckets   []float64 // upper bounds, of a histogram
}

// Buckets from a trifle to the largest that is sensible.
var (
	durationBuckets = []float64{1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 14400, 28800}
	sizeBuckets     = []float64{1 << 20, 10 << 20, 100 << 20, 1 << 30, 10 << 30, 50 << 30, 100 << 30, 500 << 30, 1 << 40}
	rateBuckets     = []float64{1 << 20, 5 << 20, 10 << 20, 25 << 20, 50 << 20, 100 << 20, 250 << 20, 1 << 30}
	ratioBuckets    = []float64{1, 1.5, 2, 3, 4, 6, 8, 12, 20}
	requestBuckets  = []float64{0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30}
)

// What this process did.
var (
	BackupSuccess    = define(Definition{Name: "cofre_backup_success_total", EMF: "BackupSuccess", Kind: Counter, Unit: Count, Labels: []string{"source", "database"}, Help: "backups that this process made"})
	BackupFailure    = define(Definition{Name: "cofre_backup_failure_total", EMF: "BackupFailure", Kind: Counter, Unit: Count, Labels: []string{"source", "database"}, Help: "backups that failed in this process"})
	Errors           = define(Definition{Name: "cofre_errors_total", EMF: "Errors", Kind: Counter, Unit: Count, Labels: []string{"code"}, Help: "failed backups, by error code"})
	BackupDuration   = define(Definition{Name: "cofre_backup_duration_seconds", EMF: "BackupDuration", EMFMillis: true, Kind: Histogram, Unit: Seconds, Labels: []string{"source", "database"}, Help: "time that a successful backup took", buckets: durationBuckets})
	BackupBytes      = define(Definition{Name: "cofre_backup_size_bytes", EMF: "BackupBytes", Kind: Histogram, Unit: Bytes, Labels: []string{"source", "database"}, Help: "stored size of a successful backup", buckets: sizeBuckets})
	BackupRate       = define(Definition{Name: "cofre_backup_rate_bytes_per_second", EMF: "BackupRate", Kind: Histogram, Unit: BytesPerSecond, Labels: []string{"source", "database"}, Help: "stored bytes of a successful backup over its time", buckets: rateBuckets})
	CompressionRatio = define(Definition{Name: "cofre_backup_compression_ratio", EMF: "CompressionRatio", Kind: Histogram, Unit: Ratio, Labels: []string{"source", "database"}, Help: "uncompressed over stored size, where the first is known", buckets: ratioBuckets})
	ScheduleFailures = define(Definition{Name: "cofre_schedule_failures_total", Kind: Counter, Unit: Count, Labels: []string{"task"}, Help: "scheduled work that failed: backup, cleanup, proof"})
	Requests         = define(Definition{Name: "cofre_api_requests_total", Kind: Counter, Unit: Count, Labels: []string{"operation", "status"}, Help: "API requests, by operation and HTTP status"})
	RequestDuration  = define(Definition{Name: "cofre_api_request_duration_seconds", Kind: Histogram, Unit: Seconds, Labels: []string{"operation"}, Help: "time that an API request took", buckets: requestBuckets})
)

// The state of all backups.
var (
	LastGoodBackupAge = define(Definition{Name: "cofre_last_good_backup_age_seconds", EMF: "LastGoodBackupAge", Kind: Gauge, Unit: Seconds, Labels: []string{"source", "database"}, Help: "age of the newest good backup that holds everything"})
	LastProofAge      = define(Definition{Name: "cofre_last_proof_age_seconds", EMF: "LastProofAge", Kind: Gauge, Unit: Seconds, Labels: []string{"source", "database"}, Help: "time since the newest proven backup that holds everything was proven, in part too; absent where none ever was"})
	LastFullProofAge  = define(Definition{Name: "cofre_last_full_proof_age_seconds", EMF: "LastFullProofAge", Kind: Gauge, Unit: Seconds, Labels: []string{"source", "database"}, Help: "the same of the newest one of whose proof nothing was left out"})
	ProofFailed       = define(Definition{Name: "cofre_proof_failed", EMF: "ProofFailed", Kind: Gauge, Unit: Count, Labels: []string{"source", "database"}, Help: "1 when a proof found that a backup does not come back as it was made, and no newer one was proven since"})
	Overdue           = define(Definition{Name: "cofre_backup_overdue", EMF: "Overdue", Kind: Gauge, Unit: Count, Labels: []string{"source", "database"}, Help: "1 when the last good backup is older than it may be"})
	SourceState       = define(Definition{Name: "cofre_source_state", EMF: "SourceState", Kind: Gauge, Unit: Count, Labels: []string{"source", "database"}, Help: "0 when all is well, 1 when somebody should look at it, 2 when nobody may wait"})
	FailingSince      = define(Definition{Name: "cofre_backup_failing_since_timestamp_seconds", Kind: Gauge, Unit: Seconds, Labels: []string{"source", "database"}, Help: "the first failure behind the last good backup, since 1970; absent when the last attempt was good"})
	Missed            = define(Definition{Name: "cofre_backup_missed", EMF: "Missed", Kind: Gauge, Unit: Count, Labels: []string{"source", "database"}, Help: "scheduled times of the last 30 days at which nothing was made"})
	Shrunk            = define(Definition{Name: "cofre_backup_shrunk", EMF: "Shrunk", Kind: Gauge, Unit: Count, Labels: []string{"source", "database"}, Help: "1 when the newest backup is half as large as the one before, or less"})
	TablesLostRows    = define(Definition{Name: "cofre_backup_tables_lost_rows", EMF: "TablesLostRows", Kind: Gauge, Unit: Count, Labels: []string{"source", "database"}, Help: "tables of the newest backup that lost more of their rows since the one before than `BACKUP_ROWS_LOST_PERCENT`"})
	OnlyParts         = define(Definition{Name: "cofre_backup_only_parts", Kind: Gauge, Unit: Count, Labels: []string{"source", "database"}, Help: "1 when no good backup holds everything"})
	StorageUsed       = define(Definition{Name: "cofre_storage_used_bytes", EMF: "StorageUsed", Kind: Gauge, Unit: Bytes, Help: "stored size of all backups"})
	StorageQuota      = define(Definition{Name: "cofre_storage_quota_bytes", Kind: Gauge, Unit: Bytes, Help: "`BACKUP_MAX_STORAGE_SIZE_GB`; absent when there is none"})
	Backups           = define(Definition{Name: "cofre_backups", Kind: Gauge, Unit: Count, Labels: []string{"status"}, Help: "backups on record: success, failed, in_progress"})
	Damaged           = define(Definition{Name: "cofre_backups_damaged", EMF: "Damaged", Kind: Gauge, Unit: Count, Help: "backups that a validation found damaged"})
	NextBackup        = define(Definition{Name: "cofre_next_backup_timestamp_seconds", Kind: Gauge, Unit: Seconds, Help: "when the next scheduled backup starts, since 1970; absent without a schedule"})
	LastCleanup       = define(Definition{Name: "cofre_last_cleanup_timestamp_seconds", Kind: Gauge, Unit: Seconds, Help: "when expired backups were last removed, since 1970"})
	RegistryReadable  = define(Definition{Name: "cofre_registry_readable", Kind: Gauge, Unit: Count, Help: "1 when the records could be read; when it is 0 the state above is absent"})
	BuildInfo         = define(Definition{Name: "cofre_build_info", Kind: Gauge, Unit: Count, Labels: []string{"version"}, Help: "1, with cofre's version"})
)

// Definitions are all metrics, in the order of the documentation.
var Definitions []*Definition

func define(d Definition) *Definition {
	Definitions = append(Definitions, &d)
	return &d
}

// Sample is one value of a metric, with the values of its labels in their order.
type Sample struct {
	*Definition
	LabelValues []string
	Value       float64
}

// Of makes a sample.
func (d *Definition) Of(value float64, labels ...string) Sample { return Sample{d, labels, value} }
