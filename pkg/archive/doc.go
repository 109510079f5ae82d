// Package archive reads, checks and writes pg_dump's custom format, the files that begin with "PGDMP".
//
// A backup is only worth its name when its file is whole. This package answers that in three depths:
//
//   - [Checker] is a writer that follows the structure while the bytes flow by on their way to storage, without
//     decompressing anything. Its Close fails unless the archive ended exactly where it should.
//   - [Check] reads a whole archive, decompresses every block and looks at the end of every table's COPY data.
//   - [ReadHead] reads header and table of contents only, to list an archive or to restore a part of it
//     ([WriteSelection] makes a smaller archive from chosen blocks, which stock pg_restore reads).
//
// A [Writer] writes an archive: pg_dump's own head, and blocks made of pieces that several [Framer] compressed side by
// side.
//
// Plain SQL dumps are checked by their first and last lines. An archive is input from outside: no length in it is
// trusted, memory is bounded by [Options], and errors name the byte where the file stops making sense.
//
// # The format
//
// It is defined by PostgreSQL's source only, src/bin/pg_dump; the functions are named where they are followed here.
// Versions 1.12 (PostgreSQL 9.0) to 1.16 (17 and 18) are read.
//
//	header   pg_backup_archiver.c WriteHead, ReadHead
//	         "PGDMP", version (3 bytes), size of integers, size of offsets, format (1 = custom),
//	         compression (1.15 and later: a byte; before: the level as an integer),
//	         creation time (seven integers, struct tm in local time), database, server version, pg_dump version
//	table of contents   WriteToc, ReadToc; pg_backup_custom.c _WriteExtraToc
//	         number of entries, then for each the fields listed in toc.go, ended by state and offset of its data
//	blocks   pg_backup_custom.c _StartData, _StartLOs, _CustomWriteFunc
//	         a byte 1 (data), the entry's dump id, a stream; or
//	         a byte 3 (large objects), the entry's dump id, then (oid, stream) for each, then oid 0
//	stream   chunks (length, bytes) up to a chunk of length 0; the chunks' bytes joined are one zlib stream,
//	         LZ4 frames, zstd frames that each begin a chunk (pg_dump makes one of either), or the data itself
//
// An integer is a sign byte and then its magnitude, least significant byte first (WriteInt). A string is its length
// and its bytes, length -1 for NULL (WriteStr). An archive written to a pipe has no offsets: nothing could go back to
// fill them in. The file ends with its last block; there is no closing mark, which is why the blocks are counted.
package archive
