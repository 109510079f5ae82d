package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"cofre/pkg/storage/s3"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/crc64nvme"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"
)

// versitygw keeps the parts of an upload as files and copies them into one when the upload completes: twice
// the disk traffic, twice the room, and a completion that takes as long as the backup is large. Where a plan
// says how long each part is (cofre's own uploads), parts are written where they belong in one file from the
// start. versitygw then sees empty files of the right size and attributes, and is given the one file when it
// asks for their contents.

// dataFile is the one file, in the upload's folder.
const dataFile = "data"

// Attributes of a part, as versitygw names them.
const (
	etagAttribute     = "etag"
	checksumAttribute = "checksums"
	metadataAttribute = "metadata"
)

var buffers = sync.Pool{New: func() any { b := make([]byte, ioBuffer); return &b }}

// UploadPart implements backend.Backend.
func (d *disk) UploadPart(ctx context.Context, in *awss3.UploadPartInput) (*awss3.UploadPartOutput, error) {
	if err := checkID(in.UploadId); err != nil {
		return nil, err
	}
	folder := uploadFolder(*in.Bucket, *in.Key, *in.UploadId)
	plan, planned, err := planOf(folder)
	if err != nil {
		return nil, d.explain(err, *in.Bucket, "")
	}
	if !planned || in.ChecksumCRC64NVME == nil || in.ContentLength == nil || in.PartNumber == nil {
		out, err := d.Posix.UploadPart(ctx, in)
		return out, d.explain(err, *in.Bucket, "")
	}
	if err := d.place(folder, plan, in); err != nil {
		return nil, d.explain(err, *in.Bucket, "")
	}
	etag := etagOf(*in.ChecksumCRC64NVME)
	return &awss3.UploadPartOutput{ETag: &etag, ChecksumCRC64NVME: in.ChecksumCRC64NVME}, nil
}

// planOf reads the plan that came with the upload's metadata.
func planOf(folder string) (plan s3.Plan, ok bool, err error) {
	raw, err := meta.XattrMeta{}.RetrieveAttribute(nil, folder, "", metadataAttribute)
	switch {
	case errors.Is(err, meta.ErrNoSuchKey):
		return s3.Plan{}, false, nil
	case errors.Is(err, os.ErrNotExist):
		return s3.Plan{}, false, s3err.GetAPIError(s3err.ErrNoSuchUpload)
	case err != nil:
		return s3.Plan{}, false, fmt.Errorf("read the upload's metadata: %w", err)
	}
	var metadata map[string]string
	if err := json.Unmarshal(raw, &metadata); err != nil {
		return s3.Plan{}, false, fmt.Errorf("read the upload's metadata: %w", err)
	}
	return s3.PlanOf(metadata)
}

func etagOf(crc string) string { return `"CRC64NVME-` + crc + `"` }

// place writes a part into the data file and notes it.
func (d *disk) place(folder string, plan s3.Plan, in *awss3.UploadPartInput) error {
	n, length := int(*in.PartNumber), *in.ContentLength
	if length > plan.Size(n) {
		return s3err.GetAPIError(s3err.ErrInvalidRequest)
	}
	f, err := os.OpenFile(filepath.Join(folder, dataFile), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	at := plan.Offset(n)
	crc, err := copyAt(f, at, length, in.Body)
	if err != nil {
		return err
	}
	if crc != *in.ChecksumCRC64NVME {
		return s3err.GetChecksumBadDigestErr(types.ChecksumAlgorithmCrc64nvme)
	}
	if !d.volatile {
		// Begin to write now, so that completing has little left to wait for.
		beginWriting(f, at, length)
	}
	return note(folder, n, length, crc)
}

// copyAt writes exactly length bytes and returns their CRC64NVME as text.
func copyAt(f *os.File, at, length int64, r io.Reader) (string, error) {
	sum := crc64nvme.New()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	to := io.NewOffsetWriter(f, at)
	for left := length; left > 0; {
		n, err := io.ReadFull(r, (*buf)[:min(left, ioBuffer)])
		if err != nil {
			return "", fmt.Errorf("receive a part: %w", err)
		}
		sum.Write((*buf)[:n])
		if _, err := to.Write((*buf)[:n]); err != nil {
			return "", err
		}
		left -= int64(n)
	}
	return s3.CRCText(sum.Sum64()), nil
}

// note makes the file that stands for a part: its size without its contents, its ETag and checksum.
func note(folder string, n int, length int64, crc string) error {
	f, err := os.CreateTemp(folder, "part-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone by then, if all went well
	defer f.Close()
	checksum, err := json.Marshal(s3response.Checksum{Algorithm: types.ChecksumAlgorithmCrc64nvme, CRC64NVME: &crc})
	if err != nil {
		return err
	}
	err = errors.Join(
		f.Truncate(length),
		meta.XattrMeta{}.StoreAttribute(f, "", "", etagAttribute, []byte(etagOf(crc))),
		meta.XattrMeta{}.StoreAttribute(f, "", "", checksumAttribute, checksum))
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), filepath.Join(folder, strconv.Itoa(n)))
}

// CompleteMultipartUpload implements backend.Backend. versitygw says yes to a second request while the first
// is still at work, and to one for an upload that is gone while any object has the key. Here the second one
// waits, and only the upload's own object counts.
func (d *disk) CompleteMultipartUpload(ctx context.Context, in *awss3.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	none := s3response.CompleteMultipartUploadResult{}
	if err := checkID(in.UploadId); err != nil {
		return none, "", err
	}
	if in.MultipartUpload == nil || len(in.MultipartUpload.Parts) == 0 {
		return none, "", s3err.GetAPIError(s3err.ErrMalformedXML)
	}
	defer d.alone(*in.UploadId)()
	folder := uploadFolder(*in.Bucket, *in.Key, *in.UploadId)
	if err := takeBack(folder); err != nil {
		return none, "", d.explain(err, *in.Bucket, "")
	}
	if !exists(folder) && !d.made(*in.Bucket, *in.Key, *in.UploadId) {
		return none, "", s3err.GetAPIError(s3err.ErrNoSuchUpload)
	}
	data, err := d.assembled(folder, in.MultipartUpload.Parts)
	if err != nil {
		return none, "", d.explain(err, *in.Bucket, *in.Key)
	}
	if data != nil {
		defer data.Close()
	}
	left := len(in.MultipartUpload.Parts)
	out, version, err := d.CompleteMultipartUploadWithCopy(ctx, in, func(from, to *os.File) (bool, error) {
		left--
		if data == nil {
			return true, d.appendPart(from, to, left == 0)
		}
		if left > 0 {
			return true, nil
		}
		return true, d.give(data, to)
	})
	if err == nil {
		err = d.settle(*in.Bucket, *in.Key)
	}
	return out, version, d.explain(err, *in.Bucket, *in.Key)
}

// appendPart is for uploads without a plan.
func (d *disk) appendPart(from, to *os.File, last bool) error {
	if _, err := io.Copy(to, from); err != nil { // copy_file_range: shared blocks where the file system can
		return err
	}
	if last {
		return d.sync(to)
	}
	return nil
}

// assembled opens the data file of a planned upload, nil for others. It refuses parts that leave gaps.
func (d *disk) assembled(folder string, parts []types.CompletedPart) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(folder, dataFile), os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	total, err := checkParts(folder, parts)
	if err == nil {
		err = f.Truncate(total)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// checkParts tells the size of the object that the parts make.
func checkParts(folder string, parts []types.CompletedPart) (total int64, err error) {
	plan, planned, err := planOf(folder)
	if err != nil || !planned {
		return 0, errors.Join(errors.New("the upload has lost its plan"), err)
	}
	for i, p := range parts {
		if p.PartNumber == nil || int(*p.PartNumber) != i+1 {
			return 0, s3err.GetAPIError(s3err.ErrInvalidPart)
		}
		fi, err := os.Stat(filepath.Join(folder, strconv.Itoa(i+1)))
		if err != nil || (i < len(parts)-1 && fi.Size() != plan.Size(i+1)) {
			return 0, s3err.GetAPIError(s3err.ErrInvalidPart)
		}
		total += fi.Size()
	}
	return total, nil
}

// give makes the data file the contents of the file that versitygw is about to publish. An unnamed file (which
// it is wherever the file system has them) is published through its descriptor: that is pointed at the data.
func (d *disk) give(data, to *os.File) error {
	if err := d.sync(data); err != nil {
		return err
	}
	if ok, err := become(to, data); ok || err != nil {
		return err
	}
	if _, err := io.Copy(to, data); err != nil {
		return err
	}
	return d.sync(to)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
