package s3

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"sync"

	"github.com/minio/crc64nvme"
)

// CRCText is a CRC64NVME as the protocol writes it: base64 of eight bytes, big endian.
func CRCText(crc uint64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], crc)
	return base64.StdEncoding.EncodeToString(b[:])
}

// isCRC tells whether a text is a CRC64NVME: some services put other checksums into its field.
func isCRC(text string) bool {
	b, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(b) == 8
}

func crcOf(p []byte) uint64 { return crc64nvme.Checksum(p) }

// crcPoly is the polynomial of CRC64NVME, bits reversed (NVM Express, 64-bit CRC).
const crcPoly = 0x9a6c9329ac4bc9b5

// matrix is a linear map over 64-bit vectors of GF(2): one column for each bit.
type matrix [64]uint64

func (m *matrix) times(v uint64) (sum uint64) {
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 != 0 {
			sum ^= m[i]
		}
	}
	return sum
}

func (m *matrix) square() (sq matrix) {
	for i := range m {
		sq[i] = m.times(m[i])
	}
	return sq
}

// crcZeros()[k] appends 2^k zero bytes to a checksum. 2^43 bytes are 8 TiB: more than an object has. It is made when it is first used,
// since that takes longer than most of what happens at the program's start.
var crcZeros = sync.OnceValue(func() *[44]matrix {
	z := new([44]matrix)
	var bit matrix // appends one zero bit
	bit[0] = crcPoly
	for i := 1; i < 64; i++ {
		bit[i] = 1 << (i - 1)
	}
	two := bit.square()
	four := two.square()
	z[0] = four.square()
	for k := 1; k < len(z); k++ {
		z[k] = z[k-1].square()
	}
	return z
})

// crcJoin is the checksum of a and b one after the other, from a's, b's, and b's length in bytes. It is the
// method of zlib's crc32_combine.
func crcJoin(a, b uint64, length int64) uint64 {
	for k := 0; length > 0; k, length = k+1, length>>1 {
		if length&1 != 0 {
			a = crcZeros()[k].times(a)
		}
	}
	return a ^ b
}

// md5Of gives the MD5 of a part raw, and as the Content-MD5 header has it.
func md5Of(p []byte) (sum [md5.Size]byte, header string) {
	sum = md5.Sum(p)
	return sum, base64.StdEncoding.EncodeToString(sum[:])
}

// etagMD5 reads an ETag that looks like an MD5 (ETags of SSE-KMS objects look the same and are none).
func etagMD5(etag string) (sum []byte, parts string, ok bool) {
	text, parts, _ := strings.Cut(strings.Trim(etag, `"`), "-")
	sum, err := hex.DecodeString(text)
	return sum, parts, err == nil && len(sum) == md5.Size
}
