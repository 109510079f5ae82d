package cli

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/certificate"
	"cofre/pkg/cli/term"
)

// certifies looks, before anything else is done, whether certificates can be made and written.
func certifies(a *app.App, dir string) error {
	st, err := os.Stat(dir)
	switch {
	case err != nil:
		return usage("Make it first, or name another one.", "there is no directory for the certificate: %s", dir)
	case !st.IsDir():
		return usage("Name a directory; the files are named by the backup.", "%s is not a directory", dir)
	}
	return a.Service.MayCertify()
}

// certificate writes what the records say of a backup's proof.
func (p *program) certificate(ctx context.Context, a *app.App, ref, dir string) error {
	if err := certifies(a, dir); err != nil {
		return err
	}
	c, err := a.Service.Certify(ctx, ref, "cofre "+p.build().Version)
	if err != nil {
		return err
	}
	files, err := writeCertificate(dir, c)
	if err != nil {
		return err
	}
	doc := struct {
		Files       []string                `json:"files"`
		Certificate certificate.Certificate `json:"certificate"`
	}{files, c.Certificate}
	return p.print(doc, func() error {
		if err := p.printf("%s\n", term.Clean(c.Certificate.Statement)); err != nil {
			return err
		}
		return p.certificateWords(files)
	})
}

func (p *program) certifyProof(ctx context.Context, a *app.App, done backup.Proved, dir string) ([]string, error) {
	c, err := a.Service.CertifyProof(ctx, done, "cofre "+p.build().Version)
	if err != nil {
		return nil, err
	}
	return writeCertificate(dir, c)
}

func (p *program) certificateWords(files []string) error {
	if len(files) == 0 {
		return nil
	}
	return p.printf("certificate: %s\n", term.Clean(strings.Join(files, ", ")))
}

// writeCertificate writes the document, its signature and the page, and gives their names. Nothing is written over.
func writeCertificate(dir string, c backup.Certified) ([]string, error) {
	base := "certificate_" + c.Certificate.Backup.ID + "_" + c.Certificate.IssuedAt.Format("2006-01-02_15-04-05")
	page, err := c.Certificate.Page(c.Document, base+".json")
	if err != nil {
		return nil, err
	}
	var files []string
	for _, f := range []struct {
		name string
		data []byte
	}{{base + ".json", c.Document}, {base + ".json.sig", c.Signature}, {base + ".html", page}} {
		file := filepath.Join(dir, f.name)
		if err := writeNew(file, f.data); err != nil {
			for _, done := range files {
				_ = os.Remove(done)
			}
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// writeNew writes a file that is not there yet. One that could not be written whole is removed.
func writeNew(file string, data []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return usage("Name another directory, or wait a second.", "the certificate is there already: %s", file)
	}
	if err != nil {
		return usage("Name a directory that you may write to.", "the certificate cannot be written: %s", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(file)
		return usage("Look whether the disk is full.", "the certificate cannot be written: %s", err)
	}
	return nil
}
