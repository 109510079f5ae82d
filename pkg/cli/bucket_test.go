package cli

import (
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
)

// There are services that make a bucket with the first write. Doctor and create agree about one that is not there yet, whoever
// comes first.
func TestBucketMadeByTheFirstWrite(t *testing.T) {
	t.Parallel()
	server := testenv.Store(t, "gofakes3, buckets by themselves")
	url := newSample(t)
	for _, first := range []string{"doctor", "create"} {
		t.Run(first, func(t *testing.T) {
			t.Parallel()
			env := environment(t, url, "s3://by-itself-"+first+"/a", server.Env()...)
			var d backup.Diagnosis
			if first == "doctor" {
				works(t, env, &d, "doctor")
			}
			var b backup.Backup
			works(t, env, &b, "create", "-n", "first")
			works(t, env, nil, "validate", b.ID)
			works(t, env, &d, "doctor")
			if !d.OK {
				t.Errorf("doctor: %+v", d.Checks)
			}
		})
	}
}

// What is wrong with the way to the storage is said first and once, on services of several makes, by whatever is called.
func TestWrongWayToTheStorage(t *testing.T) {
	t.Parallel()
	minio := testenv.MinIO(t)
	type place struct {
		name, bucket string
		env          []string
	}
	places := []place{{"MinIO", minio.NewBucket(t), minio.Env()}}
	for _, name := range []string{"rclone", "s3rver", "gofakes3"} {
		s := testenv.Store(t, name)
		places = append(places, place{name, s.NewBucket(t), s.Env()})
	}
	url := newSample(t)
	for _, c := range []struct {
		name, setting string
		exit          int
		says          string
		on            []string // services that look at it
	}{
		{"region", "AWS_REGION=sa-east-1", 2, "is in another region", []string{"MinIO"}},
		{"key", "AWS_ACCESS_KEY_ID=wrong", 7, "the storage rejected the credentials", []string{"MinIO", "rclone", "s3rver"}},
		{"secret", "AWS_SECRET_ACCESS_KEY=wrong", 7, "the storage rejected the credentials", []string{"MinIO", "rclone"}},
		{"bucket", "BACKUP_DIRECTORY=s3://not-there/a", 5, "the bucket does not exist", []string{"MinIO", "rclone", "s3rver", "gofakes3"}},
	} {
		for _, p := range places {
			if !strings.Contains(strings.Join(c.on, " "), p.name) {
				continue
			}
			t.Run(p.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				env := append(environment(t, url, "s3://"+p.bucket+"/a", p.env...), c.setting)
				for _, command := range []string{"create", "list", "doctor", "cleanup"} {
					cmd := cofre(t, env, command)
					out, _ := cmd.CombinedOutput()
					first, _, _ := strings.Cut(string(out), "\n")
					if got := cmd.ProcessState.ExitCode(); got != c.exit || !strings.Contains(first, c.says) || strings.Count(string(out), c.says) != 1 || strings.Contains(string(out), "warning") {
						t.Errorf("%s: exit code %d, want %d:\n%s", command, got, c.exit, out)
					}
				}
			})
		}
	}
}
