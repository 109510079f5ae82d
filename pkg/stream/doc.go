// Package stream turns the output of pg_dump into the bytes to be stored, in one pass, and back.
//
// [New] wraps a source. Reading the [Stream] gives the bytes for storage: compressed and encrypted when asked, counted
// and hashed (SHA-256) always. Nothing is written to disk, and memory does not depend on the amount of data:
//
//	source ─ Tap ─┬──────────────────────────────────────────── Read (hash, count)
//	              └─ goroutine: zstd or gzip ─ age ─ queue of 4 × 256 KiB ─ Read (hash, count)
//
// Without compression and encryption there is no goroutine and no copy: the caller's buffer is filled by the source
// itself. Otherwise the queue gives back pressure: a slow storage slows the source down.
//
// The end of input means that everything went well, and nothing else does. An error of the source, of the Tap or of
// Finish comes out of Read as an error and stays; in particular an [io.ErrUnexpectedEOF] of the source is hidden inside
// a [*SourceError], because loops that upload parts take it for the normal end of a short part.
//
// [Open] is the inverse: stored bytes in, plain bytes out. What comes out of age, gzip and zstd here is what their
// stock tools read, and the other way round.
package stream
