package schedule

import (
	"fmt"
	"iter"
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"time"
)

// set holds numbers from 0 to 255.
type set [4]uint64

func (s *set) add(n int)     { s[n/64] |= 1 << (n % 64) }
func (s set) has(n int) bool { return s[n/64]&(1<<(n%64)) != 0 }
func (s set) empty() bool    { return s == set{} }

// all gives the numbers, ascending.
func (s set) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, word := range s {
			for ; word != 0; word &= word - 1 {
				if !yield(i*64 + bits.TrailingZeros64(word)) {
					return
				}
			}
		}
	}
}

// dayField is the day of the month.
type dayField struct {
	any     bool
	numbers set
	// fromEnd holds how many days before the last one: L is 0, L-2 is 2.
	fromEnd set
	// nearest holds days whose nearest weekday (Monday to Friday, of the same month) is meant: 15W; 32 is LW.
	nearest set
}

// weekdayField is the day of the week, 0 for Sunday.
type weekdayField struct {
	any     bool
	numbers set
	last    set    // the last of the month: 5L
	nth     [6]set // nth[2]: the second of the month: 5#2
}

// field is what a field of plain numbers may hold.
type field struct {
	what      string
	low, high int
	names     []string // names[0] stands for low
}

var (
	minuteField = field{what: "minute", low: 0, high: 59}
	hourField   = field{what: "hour", low: 0, high: 23}
	dayOfMonth  = field{what: "day of the month", low: 1, high: 31}
	monthField  = field{what: "month", low: 1, high: 12, names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}}
	dayNames    = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
	// crontab(5) counts from Sunday, 0, to Sunday, 7; EventBridge from Sunday, 1, to Saturday, 7.
	dayOfWeek      = field{what: "day of the week", low: 0, high: 7, names: dayNames}
	dayOfWeekOfAWS = field{what: "day of the week", low: 1, high: 7, names: dayNames}
	yearField      = field{what: "year", low: firstYear, high: lastYear}
)

// parseFields reads the five fields of crontab(5), or the six of EventBridge.
func (s *Schedule) parseFields(fields []string, aws bool) error {
	var err error
	read := func(f field, text string) (out set) {
		if err == nil {
			err = f.each(text, func(n int) { out.add(n - f.base()) })
		}
		return out
	}
	s.minutes, s.hours, s.months = read(minuteField, fields[0]), read(hourField, fields[1]), read(monthField, fields[3])
	s.allDay = strings.HasPrefix(fields[1], "*")
	if aws && fields[5] != "*" {
		s.years = read(yearField, fields[5])
	}
	if err != nil {
		return err
	}
	if err := s.days.parse(fields[2], aws); err != nil {
		return err
	}
	if err := s.weekdays.parse(fields[4], aws); err != nil {
		return err
	}
	if aws && fields[2] != "?" && fields[4] != "?" {
		return fmt.Errorf("one of day-of-month and day-of-week must be ? in cron(…)")
	}
	if aws && fields[2] == "?" && fields[4] == "?" {
		return fmt.Errorf("only one of day-of-month and day-of-week may be ? in cron(…)")
	}
	s.either = !strings.HasPrefix(fields[2], "*") && !strings.HasPrefix(fields[4], "*")
	if aws {
		s.either = false
	}
	return nil
}

// base is what is taken off a number before it goes into a set.
func (f field) base() int {
	if f.low == firstYear {
		return firstYear
	}
	return 0
}

// each gives the numbers that a field stands for: 1, 1-5, 1,3,5, */15, 10-30/5, 3/4, JAN-MAR.
func (f field) each(text string, add func(int)) error {
	for _, item := range strings.Split(text, ",") {
		low, high, step, err := f.span(item)
		if err != nil {
			return err
		}
		for n := low; n <= high; n += step {
			add(n)
		}
	}
	return nil
}

// span reads one item of a field.
func (f field) span(item string) (low, high, step int, err error) {
	part, by, stepped := strings.Cut(item, "/")
	step = 1
	if stepped {
		if step, err = strconv.Atoi(by); err != nil || step < 1 || step > f.high || len(by) > 4 || by[0] == '+' {
			return 0, 0, 0, f.wrong(item)
		}
	}
	if part == "*" {
		return f.low, f.high, step, nil
	}
	first, last, isRange := strings.Cut(part, "-")
	if low, err = f.number(first); err != nil {
		return 0, 0, 0, f.wrong(item)
	}
	switch {
	case isRange:
		if high, err = f.number(last); err != nil || high < low {
			return 0, 0, 0, f.wrong(item)
		}
	case stepped: // to the end; Sunday has two numbers, and ends nothing that began before it
		if high = f.high; f.high-f.low == 7 && low < f.high {
			high--
		}
	default:
		high = low
	}
	return low, high, step, nil
}

func (f field) number(text string) (int, error) {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.low + i, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.low || n > f.high || strings.Trim(text, "0123456789") != "" {
		return 0, f.wrong(text)
	}
	return n, nil
}

func (f field) wrong(item string) error {
	return fmt.Errorf("%.40q is not a %s from %d to %d", item, f.what, f.low, f.high)
}

// lastDayWeekday stands for LW in nearest.
const lastDayWeekday = 32

func (d *dayField) parse(text string, aws bool) error {
	if text == "*" || aws && text == "?" {
		d.any = true
		return nil
	}
	for _, item := range strings.Split(text, ",") {
		before, fromEnd := strings.CutPrefix(item, "L-")
		weekday, near := strings.CutSuffix(item, "W")
		switch {
		case aws && item == "L":
			d.fromEnd.add(0)
		case aws && item == "LW":
			d.nearest.add(lastDayWeekday)
		case aws && fromEnd:
			n, err := dayOfMonth.number(before)
			if err != nil || n > 30 {
				return dayOfMonth.wrong(item)
			}
			d.fromEnd.add(n)
		case aws && near:
			n, err := dayOfMonth.number(weekday)
			if err != nil {
				return dayOfMonth.wrong(item)
			}
			d.nearest.add(n)
		default:
			if err := dayOfMonth.each(item, d.numbers.add); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *weekdayField) parse(text string, aws bool) error {
	f, first := dayOfWeek, 0
	if aws {
		f, first = dayOfWeekOfAWS, 1
	}
	if text == "*" || aws && text == "?" {
		w.any = true
		return nil
	}
	for _, item := range strings.Split(text, ",") {
		day, last := strings.CutSuffix(item, "L")
		of, nth, numbered := strings.Cut(item, "#")
		switch {
		case aws && item == "L": // EventBridge's L alone is the last day of the week, Saturday
			w.numbers.add(6)
		case aws && last:
			n, err := f.number(day)
			if err != nil {
				return f.wrong(item)
			}
			w.last.add(n - first)
		case aws && numbered:
			n, err := f.number(of)
			if err != nil || len(nth) != 1 || nth < "1" || nth > "5" {
				return f.wrong(item)
			}
			w.nth[nth[0]-'0'].add(n - first)
		default:
			if err := f.each(item, func(n int) { w.numbers.add((n - first) % 7) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// fits tells whether a day, given as its midnight in UTC, is one of the schedule's.
func (s Schedule) fits(day time.Time) bool {
	if !s.months.has(int(day.Month())) || !s.years.empty() && (day.Year() < firstYear || day.Year() > lastYear || !s.years.has(day.Year()-firstYear)) {
		return false
	}
	if s.either {
		return s.days.fit(day) || s.weekdays.fit(day)
	}
	return s.days.fit(day) && s.weekdays.fit(day)
}

func (d dayField) fit(day time.Time) bool {
	n, last := day.Day(), lastDay(day)
	if d.any || d.numbers.has(n) || d.fromEnd.has(last-n) {
		return true
	}
	for wanted := range d.nearest.all() {
		if wanted == lastDayWeekday {
			wanted = last
		}
		if wanted <= last && n == nearestWeekday(day, wanted, last) {
			return true
		}
	}
	return false
}

// nearestWeekday gives the day from Monday to Friday that is nearest to a day of the month, within the month.
func nearestWeekday(month time.Time, n, last int) int {
	switch time.Date(month.Year(), month.Month(), n, 0, 0, 0, 0, time.UTC).Weekday() {
	case time.Saturday:
		if n == 1 {
			return 3
		}
		return n - 1
	case time.Sunday:
		if n == last {
			return n - 2
		}
		return n + 1
	}
	return n
}

func (w weekdayField) fit(day time.Time) bool {
	n := int(day.Weekday())
	return w.any || w.numbers.has(n) || w.last.has(n) && day.Day() > lastDay(day)-7 || w.nth[(day.Day()+6)/7].has(n)
}

func lastDay(day time.Time) int {
	return time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
