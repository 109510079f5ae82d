package stream

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"filippo.io/age"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
)

// variant is one way to store a dump.
type variant struct {
	compression Compression
	level       int
	encrypt     bool
}

func (v variant) String() string {
	return fmt.Sprintf("%s-%d-age=%t", v.compression, v.level, v.encrypt)
}

var variants = []variant{
	{None, 0, false}, {None, 0, true},
	{Gzip, 0, false}, {Gzip, 6, true},
	{Zstd, 0, false}, {Zstd, 3, true}, {Zstd, 0, true},
}

func newIdentity(t testing.TB) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (v variant) options(id *age.X25519Identity) Options {
	o := Options{Compression: v.compression, Level: v.level}
	if v.encrypt {
		o.Recipients = []age.Recipient{id.Recipient()}
	}
	return o
}

func (v variant) openOptions(id *age.X25519Identity) OpenOptions {
	o := OpenOptions{Compression: v.compression}
	if v.encrypt {
		o.Encryption, o.Identities = Age, []age.Identity{id}
	}
	return o
}

// text gives n bytes that look like COPY data.
func text(n int) []byte {
	r := rand.New(rand.NewSource(1))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "%d\tcustomer %d\t%08x\tsome words that repeat\t\\N\n", b.Len(), r.Intn(5000), r.Uint32())
	}
	return b.Bytes()[:n]
}

// checkGoroutines fails when the test leaves goroutines behind.
func checkGoroutines(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 100 {
			if runtime.NumGoroutine() <= before {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
	})
}

func store(t testing.TB, src io.Reader, o Options) ([]byte, Result) {
	t.Helper()
	s, err := New(src, o)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := io.ReadAll(s)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return stored, res
}

func TestRoundTrip(t *testing.T) {
	checkGoroutines(t)
	id := newIdentity(t)
	for _, size := range []int{0, 1, 100, 64 << 10, 256 << 10, 256<<10 + 1, 2<<20 + 7} {
		data := text(size)
		for _, v := range variants {
			t.Run(fmt.Sprint(v, "-", size), func(t *testing.T) {
				var tap bytes.Buffer
				var last Progress
				o := v.options(id)
				o.Tap = &tap
				o.OnProgress = func(p Progress) { last = p }
				stored, res := store(t, iotest.HalfReader(bytes.NewReader(data)), o)
				sum := sha256.Sum256(stored)
				if res.SHA256 != hex.EncodeToString(sum[:]) || res.StoredBytes != int64(len(stored)) || res.RawBytes != int64(size) {
					t.Errorf("result %+v for %d stored bytes", res, len(stored))
				}
				if len(stored) > 0 && last != (Progress{int64(size), int64(len(stored))}) {
					t.Errorf("last progress %+v", last)
				}
				if !bytes.Equal(tap.Bytes(), data) {
					t.Error("the tap saw something else")
				}
				if res.PeakBuffered > chunkSize*queueChunks {
					t.Errorf("%d bytes were buffered", res.PeakBuffered)
				}
				h := NewHasher(iotest.OneByteReader(bytes.NewReader(stored)))
				r, err := Open(h, v.openOptions(id))
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				back, err := io.ReadAll(r)
				if err != nil || !bytes.Equal(back, data) {
					t.Fatalf("%d bytes came back of %d: %v", len(back), size, err)
				}
				if err := h.Drain(); err != nil || h.SHA256() != res.SHA256 || h.Size() != res.StoredBytes {
					t.Errorf("hasher: %v, %d bytes", err, h.Size())
				}
			})
		}
	}
}

// TestStockTools reads what New wrote with gzip, zstd and age themselves, and the other way round.
func TestStockTools(t *testing.T) {
	dir := t.TempDir()
	data := text(2 << 20)
	id := newIdentity(t)
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte("# a key\n"+id.String()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ageTool := buildAge(t, dir)
	run := func(in []byte, argv ...string) []byte {
		cmd := exec.Command(argv[0], argv[1:]...)
		var errs bytes.Buffer
		cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s(install the tools with: make setup)", argv, err, errs.String())
		}
		return out
	}
	unpack := map[Compression][]string{None: {"cat"}, Gzip: {"gzip", "-dc"}, Zstd: {"zstd", "-dc"}}
	pack := map[Compression][]string{None: {"cat"}, Gzip: {"gzip", "-c"}, Zstd: {"zstd", "-c"}}
	for _, v := range variants {
		stored, _ := store(t, bytes.NewReader(data), v.options(id))
		if v.encrypt {
			stored = run(stored, ageTool, "-d", "-i", key)
		}
		if out := run(stored, unpack[v.compression]...); !bytes.Equal(out, data) {
			t.Errorf("%s: the stock tools read something else", v)
		}
		theirs := run(data, pack[v.compression]...)
		if v.encrypt {
			theirs = run(theirs, ageTool, "-e", "-r", id.Recipient().String())
		}
		r, err := Open(bytes.NewReader(theirs), v.openOptions(id))
		if err != nil {
			t.Fatal(v, err)
		}
		if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, data) {
			t.Errorf("%s: what the stock tools wrote is not read: %v", v, err)
		}
		r.Close()
	}
}

// buildAge builds the age command from the module that this package uses.
func buildAge(t *testing.T, dir string) string {
	t.Helper()
	out := filepath.Join(dir, "age")
	if err := testenv.Build(out, "filippo.io/age/cmd/age"); err != nil {
		t.Fatal(err)
	}
	return out
}

// failing gives data, and then an error instead of an end.
func failing(data []byte, err error) io.Reader {
	return io.MultiReader(bytes.NewReader(data), iotest.ErrReader(err))
}

// TestSourceErrors: whatever ends the source badly comes out of Read as an error, and never as an end.
func TestSourceErrors(t *testing.T) {
	checkGoroutines(t)
	id := newIdentity(t)
	cause := fault.New(fault.BackupCreation, fault.ExitStatus, "", "pg_dump ended with status 1")
	for _, size := range []int{0, 10, 1 << 20} {
		for _, want := range []error{io.ErrUnexpectedEOF, fmt.Errorf("read: %w", io.EOF), cause, errors.New("broken pipe")} {
			for _, v := range variants {
				s, err := New(failing(text(size), want), v.options(id))
				if err != nil {
					t.Fatal(err)
				}
				_, err = io.ReadAll(s)
				if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("%s after %d bytes: %v became %v", v, size, want, err)
				}
				if want == cause && !fault.HasReason(err, fault.ExitStatus) {
					t.Errorf("%s: the fault got lost: %v", v, err)
				}
				if n, again := s.Read(make([]byte, 10)); n != 0 || again != err {
					t.Errorf("%s: after the error, Read gave %d, %v", v, n, again)
				}
				if _, err := s.Result(); err == nil {
					t.Errorf("%s: a result without an end", v)
				}
				s.Close()
			}
		}
	}
}

func TestTapAndFinish(t *testing.T) {
	checkGoroutines(t)
	id := newIdentity(t)
	refuse := errors.New("refused")
	for _, v := range variants {
		for name, change := range map[string]func(*Options){
			"tap":    func(o *Options) { o.Tap = writerFunc(func([]byte) (int, error) { return 0, refuse }) },
			"finish": func(o *Options) { o.Finish = func() error { return refuse } },
		} {
			o := v.options(id)
			change(&o)
			s, err := New(bytes.NewReader(text(1<<20)), o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(s); !errors.Is(err, refuse) {
				t.Errorf("%s %s: %v", v, name, err)
			}
			s.Close()
		}
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// endless gives bytes that do not compress, for ever.
func endless() io.Reader { return rand.New(rand.NewSource(1)) }

// TestClose: at any moment Close ends everything, with a source that hangs too, and bounds what was read ahead.
func TestClose(t *testing.T) {
	checkGoroutines(t)
	id := newIdentity(t)
	for _, v := range variants {
		for _, read := range []int64{0, 1, 1 << 20} {
			s, err := New(endless(), v.options(id))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.CopyN(io.Discard, s, read); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Error(v, err)
			}
			if _, err := s.Read(make([]byte, 1)); !errors.Is(err, ErrClosed) {
				t.Errorf("%s: after Close, Read gave %v", v, err)
			}
		}
		pr, pw, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		s, err := New(pr, v.options(id))
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { s.Close(); close(done) }()
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatalf("%s: Close hangs with a source that hangs", v)
		}
		pw.Close()
	}
}

// TestBackPressure: a reader that does not read stops the source.
func TestBackPressure(t *testing.T) {
	id := newIdentity(t)
	for _, v := range variants[1:] {
		s, err := New(endless(), v.options(id))
		if err != nil {
			t.Fatal(err)
		}
		last := int64(-1)
		for n := s.Progress().RawBytes; n != last || n == 0; n = s.Progress().RawBytes {
			last = n
			time.Sleep(300 * time.Millisecond)
		}
		if last > 64<<20 {
			t.Errorf("%s: %d bytes were read ahead", v, last)
		}
		s.Close()
	}
}

// TestMemory: what a stream takes does not grow with what goes through it.
func TestMemory(t *testing.T) {
	id := newIdentity(t)
	for _, v := range variants {
		s, err := New(io.LimitReader(endless(), 32<<20), v.options(id))
		if err != nil {
			t.Fatal(err)
		}
		runtime.GC()
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		before, peak := sample[0].Value.Uint64(), uint64(0)
		buf := make([]byte, 1<<20)
		for err == nil {
			_, err = s.Read(buf)
			metrics.Read(sample)
			peak = max(peak, sample[0].Value.Uint64())
		}
		if err != io.EOF {
			t.Fatal(v, err)
		}
		s.Close()
		if peak > before+28<<20 {
			t.Errorf("%s: %d bytes of memory", v, peak-before)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Compression: "lz5"}, {Compression: Gzip, Level: 10}, {Compression: Zstd, Level: -1}, {Level: 3}} {
		if _, err := New(strings.NewReader(""), o); !fault.HasReason(err, fault.InvalidInput) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
