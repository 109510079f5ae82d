package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/minio/minio-go/v7"
)

// multipart is an upload in parts.
type multipart struct {
	u   *uploader
	key string
	id  string

	mu    sync.Mutex
	parts []minio.CompletePart // by number, from 1
	err   error                // the first one
}

// part is a piece of the object, in a buffer that goes back when it is stored.
type part struct {
	number int
	buffer []byte
	length int
}

func newBytes(b []byte) *bytes.Reader { return bytes.NewReader(b) }

func newMultipart(ctx context.Context, u *uploader, key string) (*multipart, error) {
	id, err := u.core.NewMultipartUpload(ctx, u.bucket, key, minio.PutObjectOptions{
		UserMetadata: map[string]string{"X-Amz-Checksum-Algorithm": minio.ChecksumCRC32C.String()},
	})
	if err != nil {
		return nil, fmt.Errorf("start the upload of %s: %w", key, err)
	}
	return &multipart{u: u, key: key, id: id}, nil
}

// run uploads the first part and everything that follows, and completes the object.
func (m *multipart) run(ctx context.Context, first []byte, r io.Reader) error {
	work, free := make(chan part), make(chan []byte, m.u.parallel)
	var wg sync.WaitGroup
	for range m.u.parallel {
		wg.Go(func() {
			for p := range work {
				m.send(ctx, p)
				free <- p.buffer
			}
		})
	}
	// As many buffers as parts in flight: a part is read into one while the others are sent, and with a
	// single one nothing is read meanwhile.
	for range m.u.parallel - 1 {
		free <- m.u.buffer()
	}
	p, err := part{1, first, len(first)}, error(nil)
	for {
		m.grow(p.number)
		work <- p
		if p.length < len(p.buffer) || m.failed() != nil {
			break
		}
		p = part{number: p.number + 1, buffer: <-free}
		if p.length, err = io.ReadFull(r, p.buffer); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
	}
	close(work)
	wg.Wait()
	for len(free) > 0 {
		b := <-free
		buffers.Put(&b)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return m.end(ctx, errors.Join(err, m.failed()))
}

// grow makes room for the result of a part.
func (m *multipart) grow(number int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.parts) < number {
		m.parts = append(m.parts, minio.CompletePart{})
	}
}

func (m *multipart) failed() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

func (m *multipart) send(ctx context.Context, p part) {
	b := p.buffer[:p.length]
	stored, err := m.u.core.PutObjectPart(ctx, m.u.bucket, m.key, m.id, p.number, newBytes(b), int64(len(b)),
		minio.PutObjectPartOptions{DisableContentSha256: true, CustomHeader: sums(b)})
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.err = errors.Join(m.err, fmt.Errorf("store part %d of %s: %w", p.number, m.key, err))
		return
	}
	m.parts[p.number-1] = minio.CompletePart{PartNumber: p.number, ETag: stored.ETag, ChecksumCRC32C: stored.ChecksumCRC32C}
}

// end completes the object, or gives the upload up.
func (m *multipart) end(ctx context.Context, err error) error {
	if err != nil {
		return errors.Join(err, m.u.core.AbortMultipartUpload(ctx, m.u.bucket, m.key, m.id))
	}
	_, err = m.u.core.CompleteMultipartUpload(ctx, m.u.bucket, m.key, m.id, m.parts, minio.PutObjectOptions{})
	if err != nil {
		return fmt.Errorf("complete %s: %w", m.key, err)
	}
	return nil
}
