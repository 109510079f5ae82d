package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
	"golang.org/x/sys/unix"
)

// disk is versitygw's backend over a directory, with what a backup store needs besides: writes that survive a
// power cut, one completion of an upload at a time, parts that are written in place,
// and errors of the disk told as such.
type disk struct {
	*posix.Posix
	volatile bool

	mu         sync.Mutex
	completing map[string]*sync.Mutex // by upload id
}

func newBackend(o order) (*disk, error) {
	opts := posix.PosixOpts{
		BucketLinks: true, ValidateBucketNames: true, IOBufferSize: ioBuffer,
		// Checksums instead of MD5 as ETags: they are there anyway and cost a tenth.
		DataIntegrityEtag:   true,
		CopyObjectThreshold: 5 << 30,
	}
	opts.SetNewDirPerm(0o700)
	opts.SetNewFilePerm(0o600)
	p, err := posix.New(o.Root, attributes{}, opts)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", o.Directory, err)
	}
	return &disk{Posix: p, volatile: o.Volatile, completing: map[string]*sync.Mutex{}}, nil
}

// attributes keeps metadata in extended attributes, like versitygw does, but without the table of part sizes:
// it outgrows what ext4 allows a file (4 KiB) at about 600 parts, and nobody here reads single parts.
type attributes struct{ meta.XattrMeta }

// partTable is the attribute with the upload's id and its parts.
const partTable = "mp-metadata"

func (a attributes) StoreAttribute(f *os.File, bucket, object, name string, value []byte) error {
	if name == partTable {
		m, err := backend.UnmarshalMpUploadMetadata(value, false)
		if err != nil {
			return err
		}
		if value, err = json.Marshal(backend.MpUploadMetadata{UploadID: m.UploadID}); err != nil {
			return err
		}
	}
	err := a.XattrMeta.StoreAttribute(f, bucket, object, name, value)
	var api s3err.APIError
	noSpace := errors.As(err, &api) && api.Code == s3err.GetAPIError(s3err.ErrNoSpaceLeftOnDevice).Code && !full(bucket)
	if noSpace || errors.Is(err, unix.E2BIG) || errors.Is(err, unix.ERANGE) {
		return s3err.GetAPIError(s3err.ErrMetadataTooLarge)
	}
	return err
}

// PutObject implements backend.Backend.
func (d *disk) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	out, err := d.PutObjectWithPostFunc(ctx, in, d.sync)
	if err == nil {
		err = d.settle(*in.Bucket, *in.Key)
	}
	return out, d.explain(err, *in.Bucket, *in.Key)
}

// CreateMultipartUpload implements backend.Backend.
func (d *disk) CreateMultipartUpload(ctx context.Context, in s3response.CreateMultipartUploadInput) (s3response.InitiateMultipartUploadResult, error) {
	out, err := d.Posix.CreateMultipartUpload(ctx, in)
	return out, d.explain(err, *in.Bucket, "")
}

// AbortMultipartUpload implements backend.Backend.
func (d *disk) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput) error {
	if err := checkID(in.UploadId); err != nil {
		return err
	}
	defer d.alone(*in.UploadId)()
	if err := takeBack(uploadFolder(*in.Bucket, *in.Key, *in.UploadId)); err != nil {
		return d.explain(err, *in.Bucket, "")
	}
	return d.explain(d.Posix.AbortMultipartUpload(ctx, in), *in.Bucket, "")
}

// ListMultipartUploads implements backend.Backend. versitygw hides uploads whose completion was cut off.
func (d *disk) ListMultipartUploads(ctx context.Context, in *s3.ListMultipartUploadsInput) (s3response.ListMultipartUploadsResult, error) {
	cut, _ := filepath.Glob(filepath.Join(*in.Bucket, posix.MetaTmpMultipartDir, "*", "*"+inProgress))
	for _, c := range cut {
		var st unix.Stat_t
		if unix.Stat(c, &st) == nil && time.Since(time.Unix(st.Ctim.Unix())) > staleCompletion {
			id, _, _ := strings.Cut(filepath.Base(c), ".")
			_ = os.Rename(c, filepath.Join(filepath.Dir(c), id)) // if not, the next list tries again
		}
	}
	out, err := d.Posix.ListMultipartUploads(ctx, in)
	return out, d.explain(err, *in.Bucket, "")
}

// ListObjectsV2 implements backend.Backend. An object that is being replaced has a second name for a moment,
// and keeps it when the child is killed just then.
func (d *disk) ListObjectsV2(ctx context.Context, in *s3.ListObjectsV2Input) (s3response.ListObjectsV2Result, error) {
	out, err := d.Posix.ListObjectsV2(ctx, in)
	out.Contents = slices.DeleteFunc(out.Contents, func(o s3response.Object) bool {
		if o.Key == nil || !passing.MatchString(filepath.Base(*o.Key)) {
			return false
		}
		if o.LastModified != nil && time.Since(*o.LastModified) > stalePassing {
			_ = os.Remove(filepath.Join(*in.Bucket, *o.Key))
		}
		return true
	})
	return out, d.explain(err, *in.Bucket, "")
}

// passing are the names that versitygw gives objects while it replaces others.
var passing = regexp.MustCompile(`^\..+\.sgwtmp\.[0-9]+$`)

// stalePassing is when such a name must have been left behind. It lives for microseconds.
const stalePassing = time.Hour

// inProgress is what versitygw puts behind the name of an upload's folder while it completes.
const inProgress = ".inprogress"

// staleCompletion is when a completion by another process must have been cut off. It takes seconds.
const staleCompletion = 10 * time.Minute

// takeBack undoes the beginning of a completion whose child was killed. The caller holds the upload alone, and
// no other process completes or aborts it.
func takeBack(folder string) error {
	if exists(folder) {
		return nil
	}
	cut, err := filepath.Glob(folder + ".*" + inProgress)
	if err != nil || len(cut) == 0 {
		return err
	}
	return os.Rename(cut[0], folder)
}

// DeleteObject implements backend.Backend.
func (d *disk) DeleteObject(ctx context.Context, in *s3.DeleteObjectInput) (*s3.DeleteObjectOutput, error) {
	out, err := d.Posix.DeleteObject(ctx, in)
	return out, d.explain(err, *in.Bucket, *in.Key)
}

// checkID refuses ids that are none of ours: versitygw makes paths of them.
func checkID(id *string) error {
	if id == nil || uuid.Validate(*id) != nil {
		return s3err.GetAPIError(s3err.ErrNoSuchUpload)
	}
	return nil
}

// alone lets one request at a time work on an upload.
func (d *disk) alone(upload string) (release func()) {
	d.mu.Lock()
	m, ok := d.completing[upload]
	if !ok {
		m = &sync.Mutex{}
		d.completing[upload] = m
	}
	d.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// uploadFolder is where versitygw keeps an upload's parts.
func uploadFolder(bucket, key, id string) string {
	return filepath.Join(bucket, posix.MetaTmpMultipartDir, fmt.Sprintf("%x", sha256.Sum256([]byte(key))), id)
}

// made tells whether the object was made by this upload.
func (d *disk) made(bucket, key, id string) bool {
	raw, err := meta.XattrMeta{}.RetrieveAttribute(nil, bucket, key, partTable)
	if err != nil {
		return false
	}
	m, err := backend.UnmarshalMpUploadMetadata(raw, false)
	return err == nil && m.UploadID == id
}

// sync makes the data durable, before the object's name appears.
func (d *disk) sync(f *os.File) error {
	if d.volatile {
		return nil
	}
	return f.Sync()
}

// settle makes a new name durable: the file with its attributes, and the folders above it.
func (d *disk) settle(bucket, key string) error {
	if d.volatile {
		return nil
	}
	for path := filepath.Join(bucket, key); path != "."; path = filepath.Dir(path) {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted meanwhile
		}
		if err != nil {
			return fmt.Errorf("make %s durable: %w", path, err)
		}
		err = f.Sync()
		f.Close()
		if err != nil {
			return fmt.Errorf("make %s durable: %w", path, err)
		}
	}
	return nil
}

// explain gives errors of the disk the code that says so. versitygw has the same answer for some of them and
// for a folder in an object's place.
func (d *disk) explain(err error, bucket, key string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return s3err.GetAPIError(s3err.ErrNoSpaceLeftOnDevice)
	case errors.Is(err, syscall.EROFS):
		return s3err.GetAPIError(s3err.ErrMethodNotAllowed)
	case errors.Is(err, fs.ErrPermission):
		return s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	var api s3err.APIError
	if !errors.As(err, &api) || api.Code != s3err.GetAPIError(s3err.ErrExistingObjectIsDirectory).Code || key == "" {
		return err
	}
	if fi, serr := os.Stat(filepath.Join(bucket, key)); serr == nil && fi.IsDir() {
		return err
	}
	if full(bucket) {
		return s3err.GetAPIError(s3err.ErrNoSpaceLeftOnDevice)
	}
	if unix.Access(bucket, unix.W_OK) != nil {
		return s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	return err
}
