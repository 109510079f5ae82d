package s3

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/storage"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// noise is a source of n bytes that gives pieces like a pipe does.
type noise struct {
	left  int64
	block []byte
}

func newNoise(n int64) *noise {
	b := make([]byte, 64<<10)
	rand.NewChaCha8([32]byte{}).Read(b)
	return &noise{left: n, block: b}
}

func (s *noise) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), s.left)], s.block)
	s.left -= int64(n)
	return n, nil
}

// cpu is this process's processor time in seconds.
func cpu() float64 {
	var ru syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &ru); err != nil {
		return 0
	}
	return float64(ru.Utime.Nano()+ru.Stime.Nano()) / 1e9
}

// BenchmarkUpload compares what protects the parts on their way to MinIO, in processor time of this process.
//
//	go test ./pkg/storage/s3 -run '^$' -bench Upload -benchmem -count 3
func BenchmarkUpload(b *testing.B) {
	const size = 512 << 20
	server := testenv.MinIO(b)
	ctx := context.Background()
	for _, mode := range []string{"crc64nvme", "md5", "crc64nvme+sha256", "sdk-manager"} {
		b.Run(mode, func(b *testing.B) {
			s, err := Open(ctx, Config{Bucket: server.NewBucket(b), Endpoint: server.Endpoint,
				Credentials: &Credentials{AccessKeyID: server.AccessKey, SecretAccessKey: server.SecretKey}})
			if err != nil {
				b.Fatal(err)
			}
			if s.setLearned(true); mode == "md5" {
				s.lack(partCRC)
			}
			s.unsignedParts = mode != "crc64nvme+sha256"
			b.SetBytes(size)
			b.ReportAllocs()
			before := cpu()
			for b.Loop() {
				if mode == "sdk-manager" {
					err = withManager(ctx, s, newNoise(size))
				} else {
					err = withOurs(ctx, s, newNoise(size))
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpu()-before)/float64(b.N)/(size/1e9), "cpu-s/GB")
		})
	}
}

func withOurs(ctx context.Context, s *Store, r io.Reader) error {
	u, err := s.StartUpload(ctx, "x", storage.UploadOptions{})
	if err != nil {
		return err
	}
	if _, err = u.Write(ctx, r); err == nil {
		_, err = u.Complete(ctx)
	}
	if err != nil {
		return errors.Join(err, u.Abort(ctx))
	}
	return s.Delete(ctx, "x")
}

func withManager(ctx context.Context, s *Store, r io.Reader) error {
	u := manager.NewUploader(s.client, func(u *manager.Uploader) { u.PartSize, u.Concurrency = DefaultPartSize, DefaultConcurrency })
	if _, err := u.Upload(ctx, &awss3.PutObjectInput{Bucket: &s.cfg.Bucket, Key: aws.String("x"), Body: r}); err != nil {
		return err
	}
	return s.Delete(ctx, "x")
}
