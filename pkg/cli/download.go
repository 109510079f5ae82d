package cli

import (
	"cmp"
	"context"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/storage"
)

const downloadLong = `Downloads a backup's file with parallel reads and compares its SHA-256 with the record. The file appears
under its name only when complete. It is the plain pg_dump archive or SQL script: pg_restore or psql read it
without cofre.`

const downloadExamples = `  cofre download 01JH5W0R8ZB3M7K2Q4X9T6V1NA -o shop.dump
  cofre download 01JH5W0R8ZB3M7K2Q4X9T6V1NA -o /tmp/          under its own name
  pg_restore --list shop.dump`

func (p *program) downloadCommand() *cobra.Command {
	file, o := "", backup.DownloadOptions{}
	c := &cobra.Command{
		Use: "download ID -o FILE [options]", Short: "Download a backup and check it", Long: downloadLong, Example: downloadExamples,
		Args: arguments(1, 1, "a backup's id"), ValidArgsFunction: p.completeIDs(storedBackup, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch file {
			case "":
				return usage("For example: cofre download "+args[0]+" -o shop.dump", "-o FILE is missing")
			case "-":
				return usage("Write it to a file, or pipe it from its link: curl \"$(cofre url ID)\"", "a download cannot be written to standard output")
			}
			return p.download(cmd.Context(), args[0], file, o)
		},
	}
	c.Flags().StringVarP(&file, "output", "o", "", "`FILE` to write, or a directory")
	c.Flags().BoolVarP(&o.Overwrite, "force", "f", false, "replace a file that exists already")
	c.Flags().BoolVar(&o.AllowUnsigned, "allow-unsigned", false, "take a backup without a signature although BACKUP_TRUSTED_KEYS is set")
	return c
}

func (p *program) download(ctx context.Context, ref, file string, o backup.DownloadOptions) error {
	a, err := p.openWith(ctx, ref)
	if err != nil {
		return err
	}
	bar := p.bar("downloading")
	b, err := p.watched(a, bar).Download(ctx, ref, file, o)
	bar.Close()
	p.acted(ctx, a, "download", cmp.Or(b.ID, ref), err, map[string]string{"as": "file"})
	if err != nil {
		return err
	}
	if st, err := os.Stat(file); err == nil && st.IsDir() {
		file = filepath.Join(file, b.Filename)
	}
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	doc := struct {
		File   string        `json:"file"`
		Backup backup.Backup `json:"backup"`
	}{file, located(a, b)}
	return p.print(doc, func() error {
		return p.printf("%s %s\n  %s, SHA-256 %s as recorded\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(file), term.Bytes(b.Size), b.Checksum)
	})
}

// watched is the service with a store that shows how much of a download has come.
func (p *program) watched(a *app.App, bar *term.Bar) *backup.Service {
	c := a.Service.Config
	c.Store = watchedStore{c.Store, bar}
	return backup.New(c)
}

type watchedStore struct {
	storage.Store
	bar *term.Bar
}

func (s watchedStore) Download(ctx context.Context, key string, w io.WriterAt) (int64, error) {
	o, err := s.Head(ctx, key)
	if err != nil {
		return 0, err
	}
	return s.Store.Download(ctx, key, &watchedWriter{WriterAt: w, bar: s.bar, total: o.Size})
}

type watchedWriter struct {
	io.WriterAt
	bar     *term.Bar
	written atomic.Int64
	total   int64
}

func (w *watchedWriter) WriteAt(b []byte, off int64) (int, error) {
	n, err := w.WriterAt.WriteAt(b, off)
	w.bar.Set(term.State{Phase: "downloading", Done: w.written.Add(int64(n)), Total: w.total})
	return n, err
}
