package rows

import (
	"bytes"
	"encoding/binary"
	"strconv"
)

// Flags of a range (src/include/utils/rangetypes.h).
const (
	rangeEmpty    = 0x01
	rangeLowerIn  = 0x02
	rangeUpperIn  = 0x04
	rangeLowerInf = 0x08
	rangeUpperInf = 0x10
	rangeKnown    = 0x1f

	maxRange = 1 + 2*(4+maxNumeric)
)

// rangeText writes a range: flags, then the bounds that there are, each with its length (range_send in rangetypes.c).
func rangeText(dst, b []byte, bound binaryType) ([]byte, error) {
	if len(b) == 0 || b[0]&^rangeKnown != 0 {
		return nil, notValue("its flags are not known")
	}
	flags := b[0]
	b = b[1:]
	if flags&rangeEmpty != 0 {
		if len(b) > 0 {
			return nil, notValue("an empty range with bounds")
		}
		return append(dst, "empty"...), nil
	}
	one := func(infinite bool) error {
		if infinite {
			return nil
		}
		if len(b) < 4 {
			return notValue("a bound is missing")
		}
		n := int64(i32(b))
		b = b[4:]
		if n < 0 || n > int64(len(b)) || bound.bytes != 0 && n != int64(bound.bytes) {
			return notValue("a bound of %d bytes", n)
		}
		at := len(dst)
		text, err := bound.text(dst, b[:n])
		if err != nil {
			return err
		}
		dst, b = text, b[n:]
		if bytes.ContainsAny(dst[at:], " \"\\()[],") {
			dst = append(dst, 0, '"')
			copy(dst[at+1:], dst[at:len(dst)-2])
			dst[at] = '"'
		}
		return nil
	}
	dst = append(dst, "(["[flags>>1&1])
	if err := one(flags&rangeLowerInf != 0); err != nil {
		return nil, err
	}
	dst = append(dst, ',')
	if err := one(flags&rangeUpperInf != 0); err != nil {
		return nil, err
	}
	if len(b) > 0 {
		return nil, notValue("%d bytes more than it has", len(b))
	}
	return append(dst, ")]"[flags>>2&1]), nil
}

// multirange writes ranges, each with its length, behind their number (multirange_send in multirangetypes.c).
func multirange(one func(dst, b []byte) ([]byte, error)) binaryType {
	var next func(v *value, b []byte) error
	next = func(v *value, b []byte) (err error) {
		if v.size = !v.size; v.size {
			if v.want = int(i32(b)); v.want < 1 || v.want > maxRange {
				return notValue("a range of %d bytes", v.want)
			}
			return nil
		}
		v.text = v.text[:0]
		if v.more {
			v.text = append(v.text, ',')
		}
		v.more = true
		if v.text, err = one(v.text, b); err != nil {
			return err
		}
		if v.left--; v.left > 0 {
			v.want = 4
		}
		return v.out(v.text)
	}
	return binaryType{want: 4, step: func(v *value, b []byte) error {
		if v.left = int(i32(b)); v.left < 0 {
			return notValue("%d ranges", v.left)
		}
		if v.step = next; v.left > 0 {
			v.want = 4
		}
		return v.out([]byte{'{'})
	}, last: func(v *value) error { return v.out([]byte{'}'}) }}
}

// maxTSVector bounds a tsvector's bytes: PostgreSQL keeps at most 1 MiB of lexemes and positions, and sends 4 bytes more of each lexeme.
const maxTSVector = 5 << 20

// tsvectorText writes lexemes in their order (tsvectorout in tsvector.c). Of each there are its text, a zero byte, and the number of
// its positions and those, of which the two highest bits are a weight.
func tsvectorText(dst, b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, notValue("%d bytes", len(b))
	}
	count := i32(b)
	b = b[4:]
	for i := range count {
		end := bytes.IndexByte(b, 0)
		if end < 0 || len(b) < end+3 {
			return nil, notValue("lexeme %d has no end", i+1)
		}
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, '\'')
		for _, c := range b[:end] {
			if c == '\'' || c == '\\' {
				dst = append(dst, c)
			}
			dst = append(dst, c)
		}
		dst = append(dst, '\'')
		positions := int(binary.BigEndian.Uint16(b[end+1:]))
		b = b[end+3:]
		if len(b) < 2*positions {
			return nil, notValue("lexeme %d has no %d positions", i+1, positions)
		}
		for k := range positions {
			p := binary.BigEndian.Uint16(b[2*k:])
			dst = append(dst, ":,"[min(k, 1)])
			dst = strconv.AppendUint(dst, uint64(p&0x3fff), 10)
			if w := p >> 14; w > 0 {
				dst = append(dst, " CBA"[w])
			}
		}
		b = b[2*positions:]
	}
	if count < 0 || len(b) > 0 {
		return nil, notValue("%d lexemes and %d bytes more", count, len(b))
	}
	return dst, nil
}

// networkText writes an address and its network (network_send in network.c): family, bits, whether it is a cidr, and the address.
func networkText(dst, b []byte) ([]byte, error) {
	if len(b) < 4 || len(b) != 4+int(b[3]) || b[3] != 4 && b[3] != 16 || b[0] != map[byte]byte{4: 2, 16: 3}[b[3]] || int(b[1]) > 8*int(b[3]) {
		return nil, notValue("% x", b[:min(len(b), 24)])
	}
	bits, cidr, address := b[1], b[2] != 0, b[4:]
	if len(address) == 4 {
		for i, c := range address {
			if i > 0 {
				dst = append(dst, '.')
			}
			dst = strconv.AppendUint(dst, uint64(c), 10)
		}
	} else {
		dst = appendIPv6(dst, address)
	}
	if cidr || int(bits) < 8*len(address) {
		dst = strconv.AppendUint(append(dst, '/'), uint64(bits), 10)
	}
	return dst, nil
}

// appendIPv6 writes an address as inet_net_ntop_ipv6 does (src/port/inet_net_ntop.c): the first of the longest runs of zeros is left
// out, and addresses of old form end in decimal.
func appendIPv6(dst, b []byte) []byte {
	var words [8]uint16
	for i := range words {
		words[i] = binary.BigEndian.Uint16(b[2*i:])
	}
	best, longest := -1, 1
	for i := 0; i < 8; i++ {
		n := 0
		for i+n < 8 && words[i+n] == 0 {
			n++
		}
		if n > longest {
			best, longest = i, n
		}
		i += n
	}
	for i := 0; i < 8; i++ {
		if best >= 0 && i >= best && i < best+longest {
			if i == best {
				dst = append(dst, ':')
			}
			continue
		}
		if i > 0 {
			dst = append(dst, ':')
		}
		if i == 6 && best == 0 && (longest == 6 || longest == 7 && words[7] != 1 || longest == 5 && words[5] == 0xffff) {
			for k, c := range b[12:] {
				if k > 0 {
					dst = append(dst, '.')
				}
				dst = strconv.AppendUint(dst, uint64(c), 10)
			}
			return dst
		}
		dst = strconv.AppendUint(dst, uint64(words[i]), 16)
	}
	if best >= 0 && best+longest == 8 {
		dst = append(dst, ':')
	}
	return dst
}
