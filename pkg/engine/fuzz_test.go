package engine

import (
	"bytes"
	"encoding/binary"
	"testing"

	"cofre/pkg/archive"
	"cofre/pkg/tuples"
)

// FuzzObjects: whatever a server sends as large objects, in pieces of any size, it is taken as those that were asked for, whole and in
// order, or refused.
func FuzzObjects(f *testing.F) {
	head := []byte(tuples.Header)
	row := func(oid uint32, chunk int64, data string) []byte {
		b := []byte{0, 3, 0, 0, 0, 4}
		b = binary.BigEndian.AppendUint32(b, oid)
		b = binary.BigEndian.AppendUint32(b, 8)
		b = binary.BigEndian.AppendUint64(b, uint64(chunk))
		b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
		return append(b, data...)
	}
	end := []byte{0xff, 0xff}
	f.Add(bytes.Join([][]byte{head, row(7, 0, "abc"), row(9, 0, ""), end}, nil), 5)
	f.Add(bytes.Join([][]byte{head, row(9, 0, "abc"), end}, nil), 1)
	f.Add(bytes.Join([][]byte{head, row(7, 0, "abc"), row(7, 1, "abc"), end, end}, nil), 100)
	f.Add(head[:9], 2)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		framer, err := archive.NewFramer(archive.CompressionNone, 0)
		if err != nil {
			t.Fatal(err)
		}
		sp := newSpool(64 << 20)
		out := sp.output()
		sink := &objectSink{x: &reader{framer: framer}, out: out, ctx: t.Context(), limit: newLimiter(0, nil), oids: []uint32{7, 9}}
		for rest := data; len(rest) > 0 && err == nil; {
			n := min(max(piece, 1), len(rest))
			_, err = sink.Write(rest[:n])
			rest = rest[n:]
		}
		if err == nil {
			err = sink.End()
		}
		ended := 0
		for _, i := range out.items {
			if i.object != nil {
				ended++
			}
		}
		if len(sink.number) > 8 || err == nil && (ended != 2 || len(sink.oids) != 0) {
			t.Errorf("%d objects ended, %d to come, %d bytes gathered, %v", ended, len(sink.oids), len(sink.number), err)
		}
	})
}
