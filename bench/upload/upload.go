// Package upload is the uploader that stands for those of the rivals: as lean as one can be written, so that no
// rival is slower than it has to be. It is this program started again with [Role] as its first argument:
//
//	upload [-part MiB] [-parallel N] stream KEY    standard input, in parts of one size
//	upload [-part MiB] [-parallel N] file KEY FILE
//	upload [-part MiB] [-parallel N] dir KEY DIR   files beside each other, N at a time
//	upload discard                                 reads standard input and prints the number of bytes
//
// Parts go out from reused buffers, N at a time, without a signature over the content (HTTPS clients do that, too)
// but with a CRC32C that the service checks, as today's clients send one. With N = 1 the next part is read only
// when the last one has been stored.
package upload

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"sync"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Role is the first argument of the uploader. A program that is started with it calls Main.
const Role = "upload"

// uploader is where things go, and how.
type uploader struct {
	core     *minio.Core
	bucket   string
	part     int64 // bytes
	parallel int
}

// Main is the uploader's main function; args come behind Role. It is found by the AWS SDK's variables, and
// BENCH_BUCKET.
func Main(args []string) {
	if err := run(context.Background(), args); err != nil {
		fmt.Fprintln(os.Stderr, "upload:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet(Role, flag.ContinueOnError)
	part := flags.Int64("part", 8, "MiB of a part")
	parallel := flags.Int("parallel", 1, "parts at a time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.Arg(0) == "discard" {
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, os.Stdin, make([]byte, 1<<20))
		fmt.Println(n)
		return err
	}
	u := uploader{bucket: os.Getenv("BENCH_BUCKET"), part: *part << 20, parallel: *parallel}
	endpoint, err := url.Parse(os.Getenv("AWS_ENDPOINT_URL_S3"))
	if err != nil {
		return err
	}
	u.core, err = minio.NewCore(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
		Secure: endpoint.Scheme == "https", Region: os.Getenv("AWS_REGION"),
		TrailingHeaders: true, // lets checksums go with objects that are no multipart upload
	})
	if err != nil {
		return err
	}
	switch key := flags.Arg(1); flags.Arg(0) {
	case "stream":
		return u.upload(ctx, key, os.Stdin)
	case "file":
		return u.file(ctx, key, flags.Arg(2))
	case "dir":
		return u.dir(ctx, key, flags.Arg(2))
	default:
		return fmt.Errorf("unknown kind of input %q", flags.Arg(0))
	}
}

func (u *uploader) file(ctx context.Context, key, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	return u.upload(ctx, key, f)
}

// dir uploads the files of a folder, as many at a time as parts otherwise.
func (u *uploader) dir(ctx context.Context, key, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	each := *u
	each.parallel = 1
	work := make(chan string)
	errs := make([]error, u.parallel)
	var wg sync.WaitGroup
	for i := range u.parallel {
		wg.Go(func() {
			for name := range work {
				if errs[i] == nil {
					errs[i] = each.file(ctx, path.Join(key, name), filepath.Join(dir, name))
				}
			}
		})
	}
	for _, e := range entries {
		work <- e.Name()
	}
	close(work)
	wg.Wait()
	return errors.Join(errs...)
}

// buffers are kept between objects: a folder has a thousand files.
var buffers sync.Pool

func (u *uploader) buffer() []byte {
	if b, ok := buffers.Get().(*[]byte); ok && int64(len(*b)) == u.part {
		return *b
	}
	return make([]byte, u.part)
}

// sums are the headers that make the service check a part.
func sums(b []byte) http.Header {
	h := make(http.Header)
	h.Set(minio.ChecksumCRC32C.Key(), minio.ChecksumCRC32C.ChecksumBytes(b).Encoded())
	return h
}

// upload stores what r gives: in one request when it fits into one part, otherwise in parts.
func (u *uploader) upload(ctx context.Context, key string, r io.Reader) error {
	first := u.buffer()
	n, err := io.ReadFull(r, first)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		defer buffers.Put(&first)
		return u.small(ctx, key, first[:n])
	}
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	m, err := newMultipart(ctx, u, key)
	if err != nil {
		return err
	}
	return m.run(ctx, first, r)
}

func (u *uploader) small(ctx context.Context, key string, b []byte) error {
	_, err := u.core.Client.PutObject(ctx, u.bucket, key, newBytes(b), int64(len(b)), minio.PutObjectOptions{
		DisableContentSha256: true, DisableMultipart: true, Checksum: minio.ChecksumCRC32C,
	})
	if err != nil {
		return fmt.Errorf("store %s: %w", key, err)
	}
	return nil
}
