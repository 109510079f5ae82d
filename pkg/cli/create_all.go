package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"cofre/pkg/app"
	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/registry"
)

// allDoc is the document of create --all --json.
type allDoc struct {
	Succeeded int             `json:"succeeded"`
	Failed    int             `json:"failed"`
	Sources   []madeOf        `json:"sources"`
	Paused    []string        `json:"paused"`
	Error     *registry.Error `json:"error,omitempty"`
}

// madeOf is one source in it. Backup is nil where none was begun.
type madeOf struct {
	Source string          `json:"source"`
	Backup *backup.Backup  `json:"backup,omitempty"`
	Error  *registry.Error `json:"error,omitempty"`
}

// createAll makes a backup of each source.
func (p *program) createAll(cmd *cobra.Command, req backup.Request, parallel int) error {
	ctx := cmd.Context()
	a, err := p.open(ctx)
	if err != nil {
		return err
	}
	running := &crowd{p: p, bar: p.bar(backup.PhaseConnecting), of: map[string]backup.Progress{}}
	all, err := a.Service.CreateAll(ctx, backup.AllOptions{
		Request: req, Parallel: parallel, Watch: running.watch,
		Ended: func(m backup.MadeOf) {
			running.ended(a, m)
			p.acted(ctx, a, "create", m.Backup.ID, m.Err, map[string]string{"source": m.Source})
		},
	})
	running.bar.Close()
	if err != nil && ctx.Err() == nil {
		return err
	}
	failed := all.Err()
	if err != nil {
		failed = stopped(ctx, err)
	}
	if p.json {
		if err := p.print(document(a, all, failed), nil); err != nil {
			return err
		}
		if failed == nil {
			return nil
		}
		return told{failed}
	}
	if n := len(all.Paused); n > 0 {
		p.note("%s", p.screen.Dim("paused: "+term.Clean(strings.Join(all.Paused, ", "))))
	}
	return failed
}

func document(a *app.App, all backup.All, failed error) allDoc {
	doc := allDoc{Sources: []madeOf{}, Paused: all.Paused}
	if failed != nil {
		doc.Error = recordOf(failed)
	}
	for _, m := range all.Made {
		one := madeOf{Source: m.Source}
		if m.Backup.ID != "" {
			b := located(a, m.Backup)
			one.Backup = &b
		}
		if m.Err != nil {
			one.Error = recordOf(m.Err)
			doc.Failed++
		} else {
			doc.Succeeded++
		}
		doc.Sources = append(doc.Sources, one)
	}
	return doc
}

// crowd shows several backups that are being made: how far each is on one line, and a line for each that has ended.
type crowd struct {
	p   *program
	bar *term.Bar

	mu   sync.Mutex
	of   map[string]backup.Progress // those that run, by source
	done int64                      // bytes of those that have ended
}

func (c *crowd) watch(source string, pr backup.Progress) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[source] = pr
	c.show()
}

func (c *crowd) show() {
	st := term.State{Phase: fmt.Sprintf("%d running", len(c.of)), Done: c.done}
	var notes []string
	for _, name := range slices.Sorted(maps.Keys(c.of)) {
		one := stateOf(c.of[name])
		st.Done += one.Done
		note := name + " " + one.Phase
		if one.Percent != nil {
			note += fmt.Sprintf(" %d %%", *one.Percent)
		}
		notes = append(notes, note)
	}
	st.Note = strings.Join(notes, ", ")
	c.bar.Set(st)
}

// ended tells what became of one source.
func (c *crowd) ended(a *app.App, m backup.MadeOf) {
	c.mu.Lock()
	delete(c.of, m.Source)
	c.done += m.Backup.Size
	c.show()
	c.mu.Unlock()
	p := c.p
	if p.json {
		return
	}
	b := located(a, m.Backup)
	switch {
	case m.Err != nil:
		p.note("%s %s", p.screen.Red(p.screen.Sign("✗", "failed:")), term.Clean(m.Source))
		p.complain(m.Err)
	case p.quiet:
		_ = p.printf("%s\n", b.ID)
	default:
		_ = p.printf("%s %s  backup %s, %s, %s, %s\n", p.out.Green(p.out.Sign("✓", "ok:")), term.Clean(m.Source), p.out.Bold(b.ID), term.Bytes(b.Size),
			term.Duration(time.Duration(b.Duration)*time.Millisecond), term.Clean(b.Filepath))
	}
}
