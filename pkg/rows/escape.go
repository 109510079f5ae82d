package rows

// plain are the escapes of one letter. Every other character that follows a backslash stands for itself.
var plain = map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// stepEscape takes a byte behind a backslash. At the beginning of a field that is NULL (\N), or of a row, the end (\.).
func (r *Reader) stepEscape(c byte) (int, error) {
	begins := r.escaped == 0 && r.fresh
	switch {
	case begins && c == 'N':
		if r.column >= len(r.shown) {
			return 0, r.damaged("it has more than %d fields", len(r.shown))
		}
		r.state = afterNull
		return 1, nil
	case begins && c == '.' && r.column == 0:
		r.state = afterEnd
		return 1, nil
	case begins:
		r.fresh = false
		if err := r.begin(); err != nil {
			return 0, err
		}
	}
	if r.f.raw() {
		r.state = inField
		r.few = [2]byte{'\\', c}
		return 1, r.data(r.few[:])
	}
	return r.decodeEscape(c)
}

// decodeEscape gathers the digits of \nnn (octal) and \xnn, which COPY reads and pg_dump never writes.
func (r *Reader) decodeEscape(c byte) (int, error) {
	done := func(used int, b byte) (int, error) {
		r.state = inField
		r.few[0] = b
		return used, r.data(r.few[:1])
	}
	if r.escaped == 0 {
		if letter, ok := plain[c]; ok {
			return done(1, letter)
		}
		if c != 'x' && !isOctal(c) {
			return done(1, c)
		}
		r.escape[0], r.escaped = c, 1
		return 1, nil
	}
	hex := r.escape[0] == 'x'
	if more := hex && isHex(c) || !hex && isOctal(c); more && r.escaped < 3 {
		r.escape[r.escaped] = c
		r.escaped++
		return 1, nil
	}
	value, digits := 0, r.escape[:r.escaped]
	switch {
	case hex && len(digits) == 1:
		return done(0, 'x')
	case hex:
		for _, d := range digits[1:] {
			value = value<<4 | hexValue(d)
		}
	default:
		for _, d := range digits {
			value = value<<3 | int(d-'0')
		}
	}
	return done(0, byte(value))
}

func isOctal(c byte) bool { return c >= '0' && c <= '7' }

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }

func hexValue(c byte) int {
	switch {
	case c <= '9':
		return int(c - '0')
	case c >= 'a':
		return int(c-'a') + 10
	}
	return int(c-'A') + 10
}
