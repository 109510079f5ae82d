package stream

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"

	"cofre/pkg/fault"
)

func openAll(b io.Reader, o OpenOptions) ([]byte, error) {
	r, err := Open(b, o)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

// TestOpenDamaged: stored bytes that are cut, changed or followed by something are told from whole ones.
func TestOpenDamaged(t *testing.T) {
	checkGoroutines(t)
	id := newIdentity(t)
	data := text(200 << 10)
	for _, v := range variants {
		if v.compression == None && !v.encrypt {
			continue // nothing in plain bytes tells
		}
		stored, _ := store(t, bytes.NewReader(data), v.options(id))
		for name, b := range map[string][]byte{
			"empty":            nil,
			"first half":       stored[:len(stored)/2],
			"but one byte":     stored[:len(stored)-1],
			"and one more":     append(bytes.Clone(stored), 0),
			"and text":         append(bytes.Clone(stored), "hello"...),
			"changed early":    changed(stored, 20),
			"changed halfway":  changed(stored, len(stored)/2),
			"changed at end":   changed(stored, len(stored)-3),
			"something else":   text(5000),
			"only a few bytes": stored[:10],
		} {
			out, err := openAll(bytes.NewReader(b), v.openOptions(id))
			if !fault.HasReason(err, fault.StructureDamaged) && !(v.encrypt && fault.HasReason(err, fault.IdentityMissing)) {
				t.Errorf("%s, %s: %d bytes, %v", v, name, len(out), err)
			}
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, %s: %v passes for an end", v, name, err)
			}
		}
		for _, want := range []error{errors.New("connection reset"), io.ErrUnexpectedEOF} {
			_, err := openAll(failing(stored[:len(stored)/2], want), v.openOptions(id))
			if fault.HasReason(err, fault.StructureDamaged) || err == nil || want != io.ErrUnexpectedEOF && !errors.Is(err, want) {
				t.Errorf("%s: a broken source is told as %v", v, err)
			}
			if errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: %v passes for an end", v, err)
			}
		}
	}
}

func changed(b []byte, i int) []byte {
	b = bytes.Clone(b)
	b[i] ^= 0x55
	return b
}

func TestOpenKeys(t *testing.T) {
	id := newIdentity(t)
	stored, _ := store(t, strings.NewReader("hello"), Options{Recipients: []age.Recipient{id.Recipient()}})
	for name, ids := range map[string][]age.Identity{"none": nil, "another": {newIdentity(t)}} {
		_, err := openAll(bytes.NewReader(stored), OpenOptions{Encryption: Age, Identities: ids})
		if !fault.HasReason(err, fault.IdentityMissing) {
			t.Errorf("with %s key: %v", name, err)
		}
	}
	out, err := openAll(bytes.NewReader(stored), OpenOptions{Encryption: Age, Identities: []age.Identity{newIdentity(t), id}})
	if err != nil || string(out) != "hello" {
		t.Errorf("with the key among others: %q, %v", out, err)
	}
	for _, o := range []OpenOptions{{Compression: "rar"}, {Encryption: "rot13"}} {
		if _, err := Open(strings.NewReader(""), o); !fault.HasReason(err, fault.InvalidInput) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// TestOpenBombs: output and memory are bounded.
func TestOpenBombs(t *testing.T) {
	for _, c := range []Compression{Gzip, Zstd} {
		stored, _ := store(t, io.LimitReader(zeros{}, 64<<20), Options{Compression: c})
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := Open(bytes.NewReader(stored), OpenOptions{Compression: c, MaxOutput: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r)
		r.Close()
		runtime.ReadMemStats(&after)
		if !fault.HasReason(err, fault.LimitReached) || n > 1<<20 {
			t.Errorf("%s: %d bytes, %v", c, n, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 48<<20 {
			t.Errorf("%s: %d bytes were allocated", c, used)
		}
	}
	// A zstd frame whose descriptor asks for a window of 2^41 bytes (RFC 8878, 3.1.1.1.2).
	frame := binary.LittleEndian.AppendUint32(nil, 0xfd2fb528)
	frame = append(frame, 0, 31<<3, 1, 0, 0)
	if _, err := openAll(bytes.NewReader(frame), OpenOptions{Compression: Zstd}); !fault.HasReason(err, fault.LimitReached) {
		t.Errorf("a window of 2 TiB: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestHasherErrors(t *testing.T) {
	want := errors.New("connection reset")
	h := NewHasher(failing([]byte("abc"), want))
	if err := h.Drain(); err != want || h.Size() != 3 {
		t.Errorf("%v after %d bytes", err, h.Size())
	}
	h = NewHasher(iotest.DataErrReader(strings.NewReader("abc")))
	if err := h.Drain(); err != nil || h.SHA256() != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("%v, %s", err, h.SHA256())
	}
}

// FuzzOpen: whatever is stored, reading it ends, within the limits, and never with a bare end of input.
func FuzzOpen(f *testing.F) {
	id, err := age.ParseX25519Identity("AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33")
	if err != nil {
		f.Fatal(err)
	}
	for i, v := range variants {
		stored, _ := store(f, bytes.NewReader(text(3000)), v.options(id))
		f.Add(stored, byte(i))
		f.Add(stored[:len(stored)/2], byte(i))
	}
	f.Fuzz(func(t *testing.T, b []byte, which byte) {
		o := variants[int(which)%len(variants)].openOptions(id)
		o.MaxOutput, o.MaxWindow = 4<<20, 1<<20
		out, err := openAll(bytes.NewReader(b), o)
		if int64(len(out)) > o.MaxOutput {
			t.Fatalf("%d bytes came out", len(out))
		}
		if err != nil && (!fault.HasCode(err, fault.Validation) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
			t.Fatal(err)
		}
	})
}
