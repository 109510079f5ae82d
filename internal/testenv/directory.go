package testenv

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// OldDirectory unpacks a backup directory that cofre at ea66742 has made, of the last version that ran an S3 server over
// directories: five backups (two plain, one encrypted, one in a folder with a label, one script), one that failed, one whose run
// was killed, a validation, saved settings, the audit trail. archive is its path, pkg/storage/local/testdata/directory-v1.tar.gz.
func OldDirectory(t *testing.T, archive string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return dir
		}
		if err == nil {
			err = unpack(filepath.Join(dir, filepath.FromSlash(h.Name)), h, r)
		}
		if err != nil {
			t.Fatalf("unpack %s (its file system must have extended attributes; TMPDIR names another one): %v", archive, err)
		}
	}
}

func unpack(path string, h *tar.Header, r io.Reader) error {
	if h.Typeflag == tar.TypeDir {
		if err := os.MkdirAll(path, 0o700); err != nil {
			return err
		}
	} else {
		body, err := io.ReadAll(r)
		if err == nil {
			err = os.WriteFile(path, body, 0o600)
		}
		if err != nil {
			return err
		}
	}
	for name, value := range h.PAXRecords {
		if name, ok := strings.CutPrefix(name, "SCHILY.xattr."); ok {
			if err := unix.Setxattr(path, name, []byte(value), 0); err != nil {
				return err
			}
		}
	}
	return os.Chtimes(path, h.ModTime, h.ModTime)
}
