package archive

import (
	"fmt"
	"hash/crc32"
	"math"
)

// sink receives the data of an archive's blocks. A block has one stream (a table) or several (large objects).
type sink interface {
	startBlock(d *dataEntry) error
	startStream() error
	data(p []byte) error // p is valid during the call only
	endStream() error
	endBlock() error
}

// dataEntry is an entry that a block must come for.
type dataEntry struct {
	id             int32
	tag, namespace string
	desc           string
	copied         copyFormat
	offset         int64
	offsetSet      bool
	seen           bool
	index          int // of its block, once seen
}

func (d *dataEntry) label() string {
	if d.desc == descBlobs {
		return fmt.Sprintf("the large objects (id %d)", d.id)
	}
	return fmt.Sprintf("the data of %s (id %d)", qualified(d.namespace, d.tag), d.id)
}

// descBlobs is the kind of entries whose block holds large objects (WriteDataChunksForTocEntry).
const descBlobs = "BLOBS"

// BlockInfo is where the data of one entry lies in an archive.
type BlockInfo struct {
	DumpID int32  `json:"dumpId"`
	Schema string `json:"schema,omitempty"`
	Tag    string `json:"tag"` // the table's name
	Offset int64  `json:"offset"`
	Length int64  `json:"length"` // bytes, with the block's own header and end
	CRC32C uint32 `json:"crc32c"` // of those bytes
	// UncompressedBytes and Rows are known after Check with Decompress only. Rows counts a table's rows when they
	// were dumped with COPY.
	UncompressedBytes int64 `json:"uncompressedBytes,omitempty"`
	Rows              int64 `json:"rows,omitempty"`
	LargeObjects      int64 `json:"largeObjects,omitempty"`
}

func (m *machine) startBlocks() error {
	m.phase = phaseData
	m.head.Length, m.headCRC, m.summing = m.off, m.crc, false
	for i := range m.head.Entries {
		e := &m.head.Entries[i]
		if !e.HasData {
			continue
		}
		m.expect[e.DumpID] = &dataEntry{id: e.DumpID, tag: e.Tag, namespace: e.Namespace, desc: e.Desc,
			copied: e.copyFormat(), offset: e.Offset, offsetSet: e.OffsetState == OffsetSet}
	}
	m.unread = len(m.expect)
	m.awaitBlock()
	return nil
}

func (m *machine) awaitBlock() {
	m.between = true
	m.await(1, (*machine).onBlockType)
}

// onBlockType reads what comes after a block, or after the table of contents. Behind the last block that may be a
// second table of contents: pg_dump goes back to write the offsets of the blocks into the first (_CloseArchive), but
// since version 16, with its output redirected to a file, it has set that file to append, and so it adds the new table
// at the end. pg_restore does not look there.
func (m *machine) onBlockType(b []byte) error {
	m.between = false
	if b[0] == 0 && m.unread == 0 && m.total > 0 {
		m.await(m.head.IntSize, (*machine).onTrailerCount)
		return nil
	}
	if b[0] != blockData && b[0] != blockBlobs {
		if m.unread == 0 {
			return m.fail(1, "there is more after the last block")
		}
		return m.fail(1, "unknown type of block %d", b[0])
	}
	m.isBlobs, m.blockStart = b[0] == blockBlobs, m.off-1
	m.summing, m.crc = true, crc32.Checksum(b, castagnoli)
	m.await(m.intLen(), (*machine).onBlockID)
	return nil
}

func (m *machine) onBlockID(b []byte) error {
	id, err := m.integerIn(b, "the block's id", 1, math.MaxInt32)
	if err != nil {
		return err
	}
	d := m.expect[int32(id)]
	switch {
	case d == nil:
		return m.fail(len(b), "a block with id %d, which no entry with data has", id)
	case d.seen:
		return m.fail(len(b), "a second block for %s", d.label())
	case m.isBlobs != (d.desc == descBlobs):
		return m.fail(len(b), "the block of %s is of the wrong type", d.label())
	case d.offsetSet && d.offset != m.blockStart:
		return m.fail(len(b)+1, "%s lies here, but the table of contents says at byte %d", d.label(), d.offset)
	}
	d.seen, d.index, m.cur = true, len(m.blocks), d
	m.unread--
	m.blocks = append(m.blocks, BlockInfo{DumpID: d.id, Schema: d.namespace, Tag: d.tag, Offset: m.blockStart})
	if m.sink != nil {
		if err := m.sink.startBlock(d); err != nil {
			return err
		}
	}
	if m.isBlobs {
		m.await(m.intLen(), (*machine).onBlobID)
		return nil
	}
	m.blobID = 0
	return m.startStream()
}

func (m *machine) startStream() error {
	m.await(m.intLen(), (*machine).onChunkLength)
	if m.sink != nil {
		return m.sink.startStream()
	}
	return nil
}

// onBlobID reads a large object's oid. WriteInt takes an int, so that oids from 2^31 on are negative here.
func (m *machine) onBlobID(b []byte) error {
	oid, err := m.integerIn(b, "a large object's oid", math.MinInt32, math.MaxUint32)
	if err != nil {
		return err
	}
	if oid == 0 {
		return m.endBlock()
	}
	m.blobs++
	m.blobID = uint32(oid)
	m.blocks[m.cur.index].LargeObjects++
	return m.startStream()
}

func (m *machine) onChunkLength(b []byte) error {
	n, err := m.integerIn(b, "a chunk's length", 0, maxLength)
	if err != nil {
		return err
	}
	if n > 0 {
		m.skip = n // and then the next chunk's length
		return nil
	}
	if m.sink != nil {
		if err := m.sink.endStream(); err != nil {
			return err
		}
	}
	if m.isBlobs {
		m.await(m.intLen(), (*machine).onBlobID)
		return nil
	}
	return m.endBlock()
}

func (m *machine) endBlock() error {
	blk := &m.blocks[m.cur.index]
	blk.Length, blk.CRC32C, m.summing = m.off-blk.Offset, m.crc, false
	m.cur = nil
	m.awaitBlock()
	if m.sink != nil {
		return m.sink.endBlock()
	}
	return nil
}
