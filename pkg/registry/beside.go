package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"cofre/pkg/storage"
)

// beside is a kind of object that lies beside a backup, is written before its manifest, and whose hash the manifest holds.
type beside struct {
	prefix      string
	form        string // behind the id; that of an encrypted backup has ".age" behind it
	contentType string // where it is not encrypted
}

var (
	contentsBeside = beside{ContentsPrefix, ".jsonl.zst", "application/zstd"} // JSON lines, compressed
	globalsBeside  = beside{GlobalsPrefix, ".sql", "text/plain; charset=utf-8"}
)

// key is where it lies beside a backup.
func (k beside) key(b Backup) string {
	if b.Encryption == "age" {
		return k.prefix + b.ID + k.form + ".age"
	}
	return k.prefix + b.ID + k.form
}

// id returns the id in a key that key made, or "".
func (k beside) id(key string) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(key, k.prefix), ".")
	if (key != k.prefix+id+k.form && key != k.prefix+id+k.form+".age") || !ValidID(id) {
		return ""
	}
	return id
}

// putBeside writes what lies beside the run's backup, and gives its SHA-256. It belongs to one run alone.
func (l *Lease) putBeside(ctx context.Context, k beside, data []byte) (sum string, err error) {
	b := l.Backup()
	o := storage.PutOptions{ContentType: k.contentType}
	if b.Encryption == "age" {
		o.ContentType = "application/octet-stream"
	}
	_, err = l.r.store.Put(ctx, k.key(b), data, o)
	return sha256Text(data), err
}

func sha256Text(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// isSHA256 reports whether a text can be what sha256Text gave.
func isSHA256(text string) bool {
	_, err := hex.DecodeString(text)
	return err == nil && len(text) == 2*sha256.Size
}

// sweepKind removes the objects of a kind whose manifest was never written; see sweepBesides.
func (r *Registry) sweepKind(ctx context.Context, k beside, x *Index, manifests idSet, rep *Report) error {
	for o, err := range r.store.List(ctx, storage.ListOptions{Prefix: k.prefix}) {
		if err != nil {
			return fmt.Errorf("list %s: %w", strings.TrimSuffix(k.prefix, "/"), err)
		}
		if id := k.id(o.Key); id != "" && !r.owned(x, manifests, id) {
			rep.note(id, r.sweepBeside(ctx, id, o.Key))
		}
	}
	return nil
}
