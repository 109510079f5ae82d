package archive

// combineAdler gives the Adler-32 of two pieces of data, the second n bytes long, from those of each (RFC 1950; zlib's
// adler32_combine). An Adler-32 is a sum a of the bytes, from 1, and a sum b of all a on the way, modulo 65521: the
// second piece's a began at 1 and not at the first one's a, and each of its n bytes adds that difference to b.
func combineAdler(first, second uint32, n int64) uint32 {
	const mod = 65521
	a1, b1 := uint64(first&0xffff), uint64(first>>16)
	a2, b2 := uint64(second&0xffff), uint64(second>>16)
	before := (a1 + mod - 1) % mod // the first piece's a beyond the 1 that the second began with
	a := (before + a2) % mod
	b := (b1 + b2 + uint64(n%mod)*before) % mod
	return uint32(b<<16 | a)
}
