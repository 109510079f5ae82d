package pgdump

import (
	"context"
	"io"

	"cofre/pkg/archive"
	"cofre/pkg/fault"
	"cofre/pkg/rows"
)

// textRows gives an archive, once, with the rows of all tables as text. Close waits until nobody reads it any more.
func textRows(ctx context.Context, a *archiveInput) io.ReadCloser {
	r, w := io.Pipe()
	x := &rewritten{PipeReader: r, done: make(chan struct{})}
	go func() {
		defer close(x.done)
		w.CloseWithError(archive.TextRows(ctx, w, a.head, a.rest, asText))
	}()
	return x
}

type rewritten struct {
	*io.PipeReader
	done chan struct{}
}

func (x *rewritten) Close() error {
	err := x.PipeReader.Close()
	<-x.done
	return err
}

// asText makes COPY's text of an entry's rows.
func asText(e *archive.Entry, to io.Writer) (io.WriteCloser, error) {
	c, known := e.Copied()
	if !known {
		return nil, fault.New(fault.Validation, fault.NewerVersion, "Upgrade cofre on this machine.", "the rows of %s are written in a way that is not known", e.Label())
	}
	return rows.NewReader(to, rows.Copy, rows.Options{Columns: c.Columns, Binary: c.Binary, Types: c.Types})
}
