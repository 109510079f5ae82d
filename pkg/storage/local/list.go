package local

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
	"syscall"

	"cofre/pkg/storage"
)

// List implements storage.Store.
func (s *Store) List(ctx context.Context, o storage.ListOptions) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		if err := storage.CheckPrefix(o.Prefix); err != nil {
			yield(storage.Object{}, err)
			return
		}
		w := walk{s: s, ctx: ctx, o: o, yield: yield}
		folder, _ := path.Split(o.Prefix)
		if err := s.checkFolders(folder); err != nil {
			yield(storage.Object{}, err)
			return
		}
		if err := w.folder(folder); err != nil && !errors.Is(err, errEnough) {
			yield(storage.Object{}, s.op("list", folder).fault(err))
		}
	}
}

var errEnough = errors.New("the caller has seen enough")

// walk lists objects in the order of their keys. Only one folder of each depth is in memory at a time.
type walk struct {
	s     *Store
	ctx   context.Context
	o     storage.ListOptions
	yield func(storage.Object, error) bool
}

// entry is one name in a folder; that of a folder has a slash at its end, which also puts it in order.
type entry struct {
	name string
	fs.DirEntry
}

// folder lists a folder, "" or with a slash at its end.
func (w *walk) folder(folder string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	dir, err := w.s.folder(folder)
	if err != nil && gone(err) {
		return nil // never made, or removed meanwhile
	}
	if err != nil {
		return err
	}
	found, err := dir.ReadDir(-1)
	dir.Close()
	if err != nil && gone(err) {
		return nil // removed since it was opened
	}
	if err != nil {
		return err
	}
	entries := make([]entry, 0, len(found))
	for _, e := range found {
		name := e.Name()
		if w.isFolder(folder, e) {
			name += "/"
		}
		if w.wanted(folder + name) {
			entries = append(entries, entry{name, e})
		}
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].name < entries[j].name })
	for _, e := range entries {
		if strings.HasSuffix(e.name, "/") {
			err = w.folder(folder + e.name)
		} else {
			err = w.file(folder+e.name, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isFolder follows links only in the directory itself, where they cannot make a circle that goes on for ever.
func (w *walk) isFolder(folder string, e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 || folder != "" {
		return e.IsDir()
	}
	link, err := e.Info()
	if err != nil || !ours(link) {
		return false
	}
	fi, err := os.Stat(filepath.Join(w.s.root, e.Name()))
	return err == nil && fi.IsDir()
}

// wanted reports whether a key, or keys below a folder, may be in the list.
func (w *walk) wanted(key string) bool {
	if storage.CheckPrefix(key) != nil || passing().MatchString(path.Base(key)) {
		return false // our own, or nothing that could be asked for by its name
	}
	if strings.HasSuffix(key, "/") {
		inPrefix := strings.HasPrefix(key, w.o.Prefix) || strings.HasPrefix(w.o.Prefix, key)
		return inPrefix && (key > w.o.After || strings.HasPrefix(w.o.After, key))
	}
	return strings.HasPrefix(key, w.o.Prefix) && key > w.o.After
}

func (w *walk) file(key string, e entry) error {
	fi, err := e.Info()
	if err == nil && fi.Mode()&fs.ModeSymlink != 0 {
		if !ours(fi) {
			return nil
		}
		fi, err = os.Stat(filepath.Join(w.s.root, filepath.FromSlash(key)))
	}
	switch {
	case err != nil && (gone(err) || errors.Is(err, syscall.ELOOP)):
		return nil
	case err != nil:
		return err
	case !fi.Mode().IsRegular():
		return nil
	}
	if !w.yield(storage.Object{Key: key, Size: fi.Size(), LastModified: fi.ModTime()}, nil) {
		return errEnough
	}
	return nil
}
