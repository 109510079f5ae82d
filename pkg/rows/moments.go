package rows

import (
	"math"
	"strconv"
)

const (
	second = 1_000_000 // PostgreSQL's clock ticks in microseconds
	hour   = 3600 * second
	day    = 24 * hour
	// epoch is 2000-01-01 as a Julian day.
	epoch = 2451545
)

// appendDate writes a day, counted from 2000-01-01, as ISO 8601 has it (j2date in PostgreSQL's src/backend/utils/adt/datetime.c, for the
// proleptic Gregorian calendar), without the era, and says whether it is before Christ.
func appendDate(dst []byte, days int64) (_ []byte, bc bool) {
	// Days since 0000-03-01, in eras of 400 years.
	z := days + epoch - 1721120
	era := z / 146097
	if z%146097 < 0 {
		era--
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d, m, y := doy-(153*mp+2)/5+1, mp+3, yoe+era*400
	if m > 12 {
		m, y = m-12, y+1
	}
	if bc = y <= 0; bc {
		y = 1 - y
	}
	for pad := int64(1000); pad > y && pad > 1; pad /= 10 {
		dst = append(dst, '0')
	}
	dst = strconv.AppendInt(dst, y, 10)
	return append2(append(append2(append(dst, '-'), m), '-'), d), bc
}

func append2(dst []byte, n int64) []byte {
	if n >= 0 && n < 100 {
		return append(dst, byte('0'+n/10), byte('0'+n%10))
	}
	return strconv.AppendInt(dst, n, 10)
}

func era(dst []byte, bc bool) []byte {
	if bc {
		return append(dst, " BC"...)
	}
	return dst
}

func dateText(dst, b []byte) ([]byte, error) {
	switch days := i32(b); days {
	case math.MaxInt32:
		return append(dst, "infinity"...), nil
	case math.MinInt32:
		return append(dst, "-infinity"...), nil
	default:
		dst, bc := appendDate(dst, int64(days))
		return era(dst, bc), nil
	}
}

// appendTime writes microseconds of a day.
func appendTime(dst []byte, us int64) []byte {
	dst = append2(append(append2(dst, us/hour), ':'), us/(60*second)%60)
	return appendSeconds(append(dst, ':'), us%(60*second))
}

// appendSeconds writes microseconds as seconds, without zeros at the end.
func appendSeconds(dst []byte, us int64) []byte {
	dst = append2(dst, us/second)
	fraction := us % second
	if fraction == 0 {
		return dst
	}
	dst = append(dst, '.')
	for digit := int64(second / 10); fraction > 0; digit /= 10 {
		dst = append(dst, byte('0'+fraction/digit))
		fraction %= digit
	}
	return dst
}

func timeText(dst, b []byte) ([]byte, error) {
	us := i64(b)
	if us < 0 || us > day {
		return nil, notValue("%d microseconds of a day", us)
	}
	return appendTime(dst, us), nil
}

func timetzText(dst, b []byte) ([]byte, error) {
	dst, err := timeText(dst, b[:8])
	zone := int64(i32(b[8:])) // seconds to the west
	if err != nil || zone <= -86400 || zone >= 86400 {
		return nil, notValue("a time of day in a zone %d seconds to the west: %v", zone, err)
	}
	sign := byte('+')
	if zone > 0 {
		sign = '-'
	}
	zone = max(zone, -zone)
	dst = append2(append(dst, sign), zone/3600)
	if zone%3600 != 0 {
		dst = append2(append(dst, ':'), zone/60%60)
	}
	if zone%60 != 0 {
		dst = append2(append(dst, ':'), zone%60)
	}
	return dst, nil
}

func timestampText(dst, b []byte) ([]byte, error) { return appendTimestamp(dst, i64(b), "") }

// timestamptzText writes it in UTC.
func timestamptzText(dst, b []byte) ([]byte, error) { return appendTimestamp(dst, i64(b), "+00") }

func appendTimestamp(dst []byte, us int64, zone string) ([]byte, error) {
	switch us {
	case math.MaxInt64:
		return append(dst, "infinity"...), nil
	case math.MinInt64:
		return append(dst, "-infinity"...), nil
	}
	days, of := us/day, us%day
	if of < 0 {
		days, of = days-1, of+day
	}
	dst, bc := appendDate(dst, days)
	dst = append(appendTime(append(dst, ' '), of), zone...)
	return era(dst, bc), nil
}

// intervalText writes an interval in the style postgres (EncodeInterval in datetime.c). Since PostgreSQL 17 the largest and the
// smallest are infinite.
func intervalText(dst, b []byte) ([]byte, error) {
	us, days, months := i64(b), int64(i32(b[8:])), int64(i32(b[12:]))
	switch {
	case us == math.MaxInt64 && days == math.MaxInt32 && months == math.MaxInt32:
		return append(dst, "infinity"...), nil
	case us == math.MinInt64 && days == math.MinInt32 && months == math.MinInt32:
		return append(dst, "-infinity"...), nil
	}
	begin, before := len(dst), false // before: what was written last is negative
	unit := func(n int64, name string) {
		if n == 0 {
			return
		}
		if len(dst) > begin {
			dst = append(dst, ' ')
		}
		if before && n > 0 {
			dst = append(dst, '+')
		}
		dst = append(append(strconv.AppendInt(dst, n, 10), ' '), name...)
		if n != 1 {
			dst = append(dst, 's')
		}
		before = n < 0
	}
	unit(months/12, "year")
	unit(months%12, "mon")
	unit(days, "day")
	if us == 0 && len(dst) > begin {
		return dst, nil
	}
	if len(dst) > begin {
		dst = append(dst, ' ')
	}
	switch {
	case us < 0:
		dst = append(dst, '-')
	case before:
		dst = append(dst, '+')
	}
	hours, rest := us/hour, us%hour
	if us < 0 {
		hours, rest = -hours, -rest
	}
	dst = append(append2(append(append2(dst, hours), ':'), rest/(60*second)), ':')
	return appendSeconds(dst, rest%(60*second)), nil
}
