package storage

import "io"

// Fill reads until buf is full or r ends. Only io.EOF is an end; io.ErrUnexpectedEOF is an error here, unlike
// with io.ReadFull.
func Fill(r io.Reader, buf []byte) (n int, end bool, err error) {
	for empty := 0; n < len(buf); {
		m, err := r.Read(buf[n:])
		n += m
		switch {
		case err == io.EOF:
			return n, true, nil
		case err != nil:
			return n, false, err
		case m > 0:
			empty = 0
		default:
			if empty++; empty == 100 {
				return n, false, io.ErrNoProgress
			}
		}
	}
	return n, false, nil
}
