package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"

	"cofre/bench/lab"
	"cofre/pkg/registry"
	"cofre/pkg/storage/s3"
)

// openRegistry opens the registry of a prefix with connections of its own, as another process would. The endpoint
// is that of this process's environment.
func openRegistry(ctx context.Context, prefix string) (*registry.Registry, error) {
	store, err := s3.Open(ctx, s3.Config{Bucket: lab.Bucket, Prefix: prefix})
	if err != nil {
		return nil, err
	}
	return registry.New(store, registry.Options{}), nil
}

// record is the record of a good backup, as long as a real one.
func record(at time.Time) registry.Backup {
	id := ulid.MustNew(ulid.Timestamp(at), rand.Reader).String()
	name := "backup_" + at.UTC().Format("2006-01-02_15-04-05") + "_" + id[20:] + ".dump"
	sum := sha256.Sum256([]byte(id))
	return registry.Backup{
		ID: id, Filename: name, Filepath: registry.FilesPrefix + name, Size: 123_456_789, Checksum: hex.EncodeToString(sum[:]),
		CreatedAt: at.UTC(), CreatedBy: "someone@example.com", Status: registry.Success, Duration: 12_345,
		DatabaseVersion: "18.1 (Debian 18.1-2)", SchemaVersion: "20250109143000", Database: "shop", Format: "custom",
		Compression: "zstd:1", Encryption: "none", Content: "all", PgDumpVersion: "18.1 (Debian 18.1-2)", Trigger: "schedule",
		Labels: map[string]string{"environment": "production"}, Attempt: 1,
		Verification: &registry.Verification{OK: true, Level: registry.LevelStream, At: at.UTC()},
		Stored:       &registry.Stored{ETag: `"` + hex.EncodeToString(sum[:16]) + `-15"`, CRC64NVME: "AAAAAAAAAAA="},
	}
}

// fillStep is how many records are added at once.
const fillStep = 50_000

// apart is how far n backups are apart: an hour, or a minute where that would be a century.
func apart(n int) time.Duration {
	if n > 100_000 {
		return time.Minute
	}
	return time.Hour
}

// fillRegistry puts n records into the registry of a prefix, the newest of now.
func fillRegistry(ctx context.Context, prefix string, n int) error {
	r, err := openRegistry(ctx, prefix)
	if err != nil {
		return err
	}
	apart := apart(n)
	start := time.Now().Add(-time.Duration(n) * apart).Truncate(time.Second)
	for from := 0; from < n; from += fillStep {
		err = r.Update(ctx, func(x *registry.Index) error {
			for i := from; i < min(n, from+fillStep); i++ {
				x.Upsert(record(start.Add(time.Duration(i) * apart)))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("fill the registry with %d records: %w", n, err)
		}
	}
	return nil
}
