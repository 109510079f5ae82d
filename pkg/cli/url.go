package cli

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/fault"
)

const urlLong = `Prints a link from which a backup can be downloaded without credentials until it expires: anyone who has it
can read the backup. Only the link goes to standard output.

If BACKUP_TRUSTED_KEYS is set, the backup's signature is verified; compare what you download with the SHA-256
that --json shows.

For a local backup directory, cofre serves the link itself, on this machine only, until it expires or you
press Ctrl-C.`

const urlExamples = `  cofre url 01JH5W0R8ZB3M7K2Q4X9T6V1NA
  cofre url 01JH5W0R8ZB3M7K2Q4X9T6V1NA --expires 24h
  curl -fOJ "$(cofre url 01JH5W0R8ZB3M7K2Q4X9T6V1NA)"       from s3://`

func (p *program) urlCommand() *cobra.Command {
	var o backup.LinkOptions
	c := &cobra.Command{
		Use: "url ID [options]", Short: "Create a temporary download link", Long: urlLong, Example: urlExamples,
		Args: arguments(1, 1, "a backup's id"), ValidArgsFunction: p.completeIDs(storedBackup, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Life <= 0 {
				return usage("Use a duration such as 15m or 24h.", "invalid link lifetime %s", o.Life)
			}
			return p.url(cmd.Context(), args[0], o)
		},
	}
	c.Flags().DurationVar(&o.Life, "expires", backup.DefaultLinkLife, "how long it works: `TIME` such as 15m or 24h, 168h at most")
	c.Flags().BoolVar(&o.AllowUnsigned, "allow-unsigned", false, "take a backup without a signature although BACKUP_TRUSTED_KEYS is set")
	return c
}

func (p *program) url(ctx context.Context, ref string, o backup.LinkOptions) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fault.Wrap(err, fault.Internal, "", "Use `cofre download`.", "cannot listen on this machine")
	}
	defer listener.Close()
	a, err := p.openWithLinks(ctx, "http://"+listener.Addr().String())
	if err != nil {
		return err
	}
	o.By = actor()
	link, err := a.Service.URL(ctx, ref, o)
	if err != nil {
		p.acted(ctx, a, "download", ref, err, nil)
		return err
	}
	p.acted(ctx, a, "download", link.ID, nil, map[string]string{"as": "link", "expires_at": link.ExpiresAt.UTC().Format(time.RFC3339)})
	if err := p.print(link, func() error { return p.printf("%s\n", link.URL) }); err != nil {
		return err
	}
	p.note("%s, %s, works until %s", term.Clean(link.Filename), term.Bytes(link.Size), term.Moment(link.ExpiresAt))
	switch asked := time.Until(link.ExpiresAt) < o.Life-time.Minute; {
	case link.Uncertain:
		p.note("at the latest: it is signed with credentials of a session that does not say when it ends")
	case asked:
		p.note("not for the %s asked for: the credentials that sign it end then", o.Life)
	}
	if !a.Local {
		return nil
	}
	p.note("serving it on this machine; Ctrl-C ends that")
	return p.serveLinks(ctx, listener, a.Links, link.ExpiresAt)
}

// serveLinks serves until then, or until ctx ends. A download that has begun before then is not cut off.
func (p *program) serveLinks(ctx context.Context, listener net.Listener, links http.Handler, until time.Time) error {
	s := &http.Server{Handler: links, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- s.Serve(listener) }()
	defer s.Close()
	select {
	case err := <-failed:
		return fault.Wrap(err, fault.Internal, "", "Use `cofre download`.", "cannot serve the link")
	case <-ctx.Done(): // the way to end it, not a failure
		return nil
	case <-time.After(time.Until(until)):
	}
	p.note("the link has expired")
	_ = s.Shutdown(ctx) // Ctrl-C ends this too
	return nil
}
