package pgserver

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// fromTemplate makes the data folder as initdb makes it, as a copy of one that initdb made before: a tenth of the work. Servers of one template
// have one password, and are told apart by their system identifiers as any two are.
func (s *Server) fromTemplate(ctx context.Context, folder string) error {
	name, err := s.templateName()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("lock the templates in %s: %w", folder, err)
	}
	template := filepath.Join(folder, name)
	if _, err := os.Stat(template + ".tar"); errors.Is(err, fs.ErrNotExist) {
		return s.makeTemplate(ctx, template)
	}
	password, err := os.ReadFile(template + ".password")
	if err != nil {
		return err
	}
	if err := os.Mkdir(s.dataDir(), 0o700); err != nil {
		return err
	}
	if err := tar(ctx, s.dataDir(), "-xp", template+".tar"); err != nil {
		return err
	}
	s.Password = string(password)
	return renew(s.dataDir())
}

// makeTemplate makes this server's data folder by initdb, and keeps a copy.
func (s *Server) makeTemplate(ctx context.Context, template string) error {
	if err := s.initdb(ctx); err != nil {
		return err
	}
	if err := os.WriteFile(template+".password", []byte(s.Password), 0o600); err != nil {
		return err
	}
	if err := tar(ctx, s.dataDir(), "-cS", template+".new"); err != nil {
		return err
	}
	return os.Rename(template+".new", template+".tar")
}

// templateName tells apart what initdb makes: by its programs, the superuser and how its password is kept, and whom the files belong to.
func (s *Server) templateName() (string, error) {
	bin, err := filepath.EvalSymlinks(s.BinDir)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	fmt.Fprintln(sum, "verifier", bin, s.superuser, s.account.name)
	for _, program := range []string{"initdb", "postgres"} {
		info, err := os.Stat(filepath.Join(bin, program))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(sum, program, info.Size(), info.ModTime().UnixNano())
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// tar packs what is in a folder into a file, or unpacks it, with the owners and modes of its files. In one file it can be kept on any disk.
func tar(ctx context.Context, dir, how, file string) error {
	cmd := exec.CommandContext(ctx, "tar", "--numeric-owner", "-C", dir, how, "-f", file, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("tar %s of a data folder: %w\n%s", how, err, out)
	}
	return nil
}

// renew gives a data folder that initdb made a system identifier of its own: in the control file, of which a checksum follows
// its fields, and in the head of the only segment of the log of changes.
func renew(data string) error {
	var id [8]byte
	if _, err := rand.Read(id[:]); err != nil {
		return err
	}
	id[7] &= 0x7f // it is shown as a number without a sign, and kept as one with a sign by some
	segment := filepath.Join(data, "pg_wal", "000000010000000000000001")
	const pageHead = 24 // a page's head has so many bytes before the identifier
	control := filepath.Join(data, "global", "pg_control")
	content, err := os.ReadFile(control)
	if err != nil {
		return err
	}
	end := checked(content)
	if end == 0 {
		return fmt.Errorf("%s has no checksum", control)
	}
	old := append([]byte(nil), content[:8]...)
	copy(content, id[:])
	binary.LittleEndian.PutUint32(content[end:], crc32.Checksum(content[:end], castagnoli))
	if err := overwrite(control, 0, nil, content); err != nil {
		return err
	}
	return overwrite(segment, pageHead, old, id[:])
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checked finds how many bytes of a control file stand in front of their checksum: it differs between majors. 0 is nowhere.
func checked(content []byte) int {
	for end := 64; end+4 <= min(len(content), 512); end += 4 {
		if binary.LittleEndian.Uint32(content[end:]) == crc32.Checksum(content[:end], castagnoli) {
			return end
		}
	}
	return 0
}

// overwrite replaces bytes of a file, which have to be those of old where that is given.
func overwrite(file string, at int64, old, new []byte) error {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	was := make([]byte, len(old))
	if _, err := f.ReadAt(was, at); err != nil {
		return err
	}
	if string(was) != string(old) {
		return fmt.Errorf("%s does not belong to its control file", file)
	}
	if _, err := f.WriteAt(new, at); err != nil {
		return err
	}
	return f.Close()
}
