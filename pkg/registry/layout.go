package registry

import (
	"context"
	"fmt"

	"cofre/pkg/fault"
)

// Layout says where the data of each table lies in an archive of pg_dump's custom format, so that a restore can
// read several tables at once and check what it reads. Only the manifest holds it.
type Layout struct {
	HeadLength int64  `json:"headLength"` // bytes of header and table of contents
	HeadCRC32C uint32 `json:"headCrc32c"`
	Blocks     Blocks `json:"blocks"` // see Block.String; one a line
}

// Block is one table's data in an archive.
type Block struct {
	DumpID         int32 // pg_dump's number of the entry
	Offset, Length int64 // bytes
	CRC32C         uint32
}

// String gives the form in manifests: dump id, offset, length, CRC-32C in hex.
func (b Block) String() string {
	return fmt.Sprintf("%d %d %d %08x", b.DumpID, b.Offset, b.Length, b.CRC32C)
}

// ParseBlock reads what String gives.
func ParseBlock(s string) (b Block, err error) {
	if n, err := fmt.Sscanf(s, "%d %d %d %x", &b.DumpID, &b.Offset, &b.Length, &b.CRC32C); n != 4 || err != nil || b.String() != s || b.Offset < 0 || b.Length < 0 {
		return b, fault.New(fault.Validation, fault.StructureDamaged, "Restore in one session (--jobs 1), which does not need it.", "%.60q is not a position in an archive", s)
	}
	return b, nil
}

// SetLayout keeps the archive's layout for the manifest that Commit writes.
func (l *Lease) SetLayout(layout *Layout) { l.layout = layout }

// Layout reads the archive's layout from a backup's manifest, nil when it has none. Where signatures are asked for, only that of a signed
// manifest counts: the manifest may have been replaced since its signature was looked at.
func (r *Registry) Layout(ctx context.Context, id string) (*Layout, error) {
	if !r.Checks() {
		m, err := r.manifest(ctx, id)
		return m.Layout, err
	}
	m, err := r.Signed(ctx, id)
	if fault.HasReason(err, fault.SignatureMissing) { // taken all the same, as was allowed
		return nil, nil
	}
	return m.Layout, err
}
