package demo

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
	"cofre/pkg/pgdump"
)

// serveLinks serves download links until the end.
func (d *demo) serveLinks(l net.Listener) {
	s := &http.Server{Handler: d.app.Links, ReadHeaderTimeout: 10 * time.Second}
	go s.Serve(l) // ends with Close; a link that is not served fails where it is fetched
	d.atEnd(s.Close)
}

// download fetches the backup through a presigned link with stock curl, and has stock pg_restore read it.
func (d *demo) download(ctx context.Context) error {
	var err error
	if d.link, err = d.app.Service.URL(ctx, d.Backup.ID, backup.LinkOptions{Life: linkLife}); err != nil {
		return err
	}
	return d.do("downloading", func(*term.Bar) (string, error) {
		file := filepath.Join(d.dir.Path, d.link.Filename)
		by, err := fetch(ctx, d.link.URL, file)
		if err != nil {
			return "", fault.Wrap(err, fault.FileSystem, fault.StorageFailed, "This is a defect of cofre: please report it.", "the presigned link could not be fetched")
		}
		sum, err := sha256Of(file)
		if err != nil {
			return "", err
		}
		if d.Downloaded = sum; sum != d.Backup.Checksum {
			return "", fault.New(fault.Validation, fault.ChecksumMismatch, "This is a defect of cofre: please report it.", "what the link gave has the SHA-256 %s, not %s", sum, d.Backup.Checksum)
		}
		text := "downloaded " + by + " through a presigned link, SHA-256 as recorded:\n" + d.link.URL
		client, err := d.client(ctx)
		if err != nil {
			return "", err
		}
		reader := filepath.Join(filepath.Dir(client.PgDump), "pg_restore")
		if err := command(ctx, reader, "--list", "--file="+os.DevNull, file); err != nil {
			return "", fault.Wrap(err, fault.Validation, fault.StructureDamaged, "This is a defect of cofre: please report it.", "stock pg_restore cannot read the downloaded file")
		}
		text += "\nand stock pg_restore " + client.Version + " reads it, without cofre"
		return text, nil
	})
}

// client finds the stock programs that made the backup: an older pg_restore may not know their format.
func (d *demo) client(ctx context.Context) (pgdump.Client, error) {
	env := map[string]string{}
	for _, kv := range d.environment() {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	return pgdump.Find(ctx, pgdump.FindOptions{Path: env["PGDUMP_PATH"], Getenv: func(name string) string { return env[name] }})
}

// fetch downloads with curl, or by itself where there is none, and says how.
func fetch(ctx context.Context, link, file string) (by string, err error) {
	curl, err := exec.LookPath("curl")
	if err == nil {
		return "by curl", command(ctx, curl, "--fail", "--silent", "--show-error", "--output", file, link)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the answer was %s", resp.Status)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, resp.Body)
	return "(as curl -f would, which is not installed)", errors.Join(err, f.Close())
}

// command runs a program and gives what it said when it fails.
func command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(said.String()))
	}
	return nil
}

func sha256Of(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
