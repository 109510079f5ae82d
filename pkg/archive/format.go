package archive

import (
	"bytes"
	"fmt"
	"strings"
)

// Kind says what a file is, from its first bytes.
type Kind string

// The kinds that Sniff knows.
const (
	KindUnknown Kind = ""
	KindCustom  Kind = "custom" // pg_dump -Fc
	KindPlain   Kind = "plain"  // pg_dump -Fp, SQL
	KindGzip    Kind = "gzip"
	KindZstd    Kind = "zstd"
	KindAge     Kind = "age" // age's binary format
)

// SniffLength is how many first bytes Sniff needs to be sure, in bytes; a shorter file is given whole.
const SniffLength = 64

const magic = "PGDMP"

// Sniff tells the kind of a file from its first SniffLength bytes.
func Sniff(first []byte) Kind {
	switch {
	case bytes.HasPrefix(first, []byte(magic)):
		return KindCustom
	case bytes.HasPrefix(first, []byte{0x1f, 0x8b}):
		return KindGzip
	case bytes.HasPrefix(first, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		return KindZstd
	case bytes.HasPrefix(first, []byte("age-encryption.org/")):
		return KindAge
	case bytes.HasPrefix(first, []byte(plainOpening)):
		return KindPlain
	}
	return KindUnknown
}

// Version is the version of the archive format, not of PostgreSQL.
type Version struct{ Major, Minor, Rev byte }

// String gives the version as pg_restore --list prints it, such as "1.16-0".
func (v Version) String() string { return fmt.Sprintf("%d.%d-%d", v.Major, v.Minor, v.Rev) }

func (v Version) atLeast(major, minor byte) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// The oldest and newest formats read here (pg_backup_archiver.h, K_VERS_1_12 and K_VERS_MAX).
const (
	versionMajor = 1
	minorOldest  = 12
	minorNewest  = 16
)

// Compression is how the data of an archive is compressed.
type Compression string

// The compressions that pg_dump has, in the order of its enum (pg_compress_algorithm in common/compression.h).
const (
	CompressionNone Compression = "none"
	CompressionGzip Compression = "gzip" // zlib streams, RFC 1950
	CompressionLZ4  Compression = "lz4"  // LZ4 frames
	CompressionZstd Compression = "zstd" // zstd frames, RFC 8878
)

var compressions = []Compression{CompressionNone, CompressionGzip, CompressionLZ4, CompressionZstd}

// Section is the part of a restore that an entry belongs to (pg_backup.h, teSection).
type Section byte

// The sections.
const (
	SectionNone     Section = 1 // goes along with what it depends on, such as a comment
	SectionPreData  Section = 2
	SectionData     Section = 3
	SectionPostData Section = 4
)

// OffsetState says what is known of the place of an entry's data (pg_backup_archiver.h, K_OFFSET_*).
type OffsetState byte

// The states of an offset.
const (
	OffsetNotSet OffsetState = 1 // there is data, at an unknown place: the archive was written to a pipe
	OffsetSet    OffsetState = 2
	OffsetNoData OffsetState = 3
)

// Types of blocks and the archive formats' numbers (pg_backup_archiver.h, BLK_*; pg_backup.h, ArchiveFormat).
const (
	blockData  = 1
	blockBlobs = 3

	formatCustom    = 1
	formatTar       = 3
	formatDirectory = 5
)

// sanitizeLine is pg_restore's sanitize_line: names with line breaks stay on one line of a listing.
func sanitizeLine(s string) string {
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(s)
}
