//go:build libzstd && cgo

package main

/*
#cgo LDFLAGS: -l:libzstd.so.1
#include <stddef.h>

// The part of zstd.h that is needed, whose interface is stable, so that its header need not be installed.
typedef struct ZSTD_CCtx_s ZSTD_CCtx;
typedef struct { const void* src; size_t size; size_t pos; } ZSTD_inBuffer;
typedef struct { void* dst; size_t size; size_t pos; } ZSTD_outBuffer;
ZSTD_CCtx* ZSTD_createCCtx(void);
size_t ZSTD_CCtx_setParameter(ZSTD_CCtx*, int param, int value);
size_t ZSTD_compressStream2(ZSTD_CCtx*, ZSTD_outBuffer*, ZSTD_inBuffer*, int end);
unsigned ZSTD_isError(size_t);

typedef struct { size_t in, out, left; } step_result;
static step_result step(ZSTD_CCtx* c, const void* src, size_t n, size_t pos, void* dst, size_t dn, int end) {
	ZSTD_inBuffer in = {src, n, pos};
	ZSTD_outBuffer out = {dst, dn, 0};
	step_result r;
	r.left = ZSTD_compressStream2(c, &out, &in, end);
	r.in = in.pos;
	r.out = out.pos;
	return r;
}
*/
import "C"

import (
	"errors"
	"io"
	"unsafe"
)

func init() {
	contestants = append(contestants, libzstd("libzstd:1", 1, 0), libzstd("libzstd:1, window 4 MiB", 1, 22), libzstd("libzstd:3", 3, 0))
}

// The numbers are zstd.h's ZSTD_c_compressionLevel, ZSTD_c_windowLog and ZSTD_EndDirective.
func libzstd(name string, level, windowLog int) contestant {
	z := C.ZSTD_createCCtx()
	C.ZSTD_CCtx_setParameter(z, 100, C.int(level))
	if windowLog > 0 {
		C.ZSTD_CCtx_setParameter(z, 101, C.int(windowLog))
	}
	out := make([]byte, 128<<10)
	var w io.Writer
	run := func(p []byte, end C.int) error {
		var src unsafe.Pointer
		if len(p) > 0 {
			src = unsafe.Pointer(&p[0])
		}
		for pos := C.size_t(0); ; {
			r := C.step(z, src, C.size_t(len(p)), pos, unsafe.Pointer(&out[0]), C.size_t(len(out)), end)
			if C.ZSTD_isError(r.left) != 0 {
				return errors.New("libzstd failed")
			}
			pos = r.in
			if _, err := w.Write(out[:r.out]); err != nil {
				return err
			}
			if end == 0 && int(pos) == len(p) || end == 2 && r.left == 0 {
				return nil
			}
		}
	}
	return contestant{name, func(to io.Writer, rows []byte) error {
		w = to
		if err := inBits(writerFunc(func(p []byte) error { return run(p, 0) }), rows); err != nil {
			return err
		}
		return run(nil, 2)
	}}
}

type writerFunc func(p []byte) error

func (f writerFunc) Write(p []byte) (int, error) { return len(p), f(p) }
