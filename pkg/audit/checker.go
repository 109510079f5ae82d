package audit

import (
	"fmt"
	"strconv"
)

// checker follows the chain from its beginning, record by record, and remembers no more than where it does not hold.
type checker struct {
	head   head
	report Report
	last   int64  // sequence of the record before
	link   string // its hash; "" when it is not known
	gaps   []gap
	trim   trim
	lost   int // gaps that were not remembered
}

// gap is a range of missing records.
type gap struct {
	from, to int64
	previous string // what the record behind it says of the one before it
}

// trim is what a record of a trim says.
type trim struct {
	sequence int64 // its own
	upTo     int64
	hash     string
}

// trimOf reads a record of a trim.
func trimOf(r record) (trim, bool) {
	if r.Action != trimAction {
		return trim{}, false
	}
	upTo, err := strconv.ParseInt(r.Detail[detailUpTo], 10, 64)
	t := trim{r.Sequence, upTo, r.Detail[detailHash]}
	return t, err == nil && upTo > 0 && upTo < r.Sequence && isHash(t.hash)
}

func (c *checker) found(kind string, from, to int64, format string, args ...any) {
	if len(c.report.Breaks) >= maxBreaks {
		c.report.MoreBreaks++
		return
	}
	c.report.Breaks = append(c.report.Breaks, Break{kind, from, to, fmt.Sprintf(format, args...)})
}

// add takes the next record, in the order of their keys.
func (c *checker) add(sequence int64, data []byte) {
	r, sound := parse(data)
	behindGap := sequence > c.last+1
	if behindGap {
		g := gap{from: c.last + 1, to: sequence - 1}
		if sound && r.Sequence == sequence {
			g.previous = r.Previous
		}
		if len(c.gaps) < maxBreaks {
			c.gaps = append(c.gaps, g)
		} else {
			c.lost++
		}
		c.link = ""
	}
	c.last = sequence
	c.count(sequence, r)
	switch {
	case !sound:
		c.found(Changed, sequence, 0, "record %d was changed: it is not what its hash says", sequence)
		c.link = ""
		return
	case r.Sequence != sequence:
		c.found(Reordered, sequence, 0, "the object of record %d holds record %d", sequence, r.Sequence)
		c.link = ""
		return
	case c.link != "" && r.Previous != c.link:
		c.found(Inserted, sequence, 0, "record %d does not follow record %d: one of the two was put in place of another", sequence, sequence-1)
	default:
		if t, ok := trimOf(r); ok && t.upTo > c.trim.upTo {
			c.trim = t
		}
	}
	c.link = r.Hash
	if sequence == c.head.doc.Sequence && r.Hash != c.head.doc.Hash {
		c.found(Changed, sequence, 0, "record %d is not the one that audit/head.json knows: it was written anew, or the head was", sequence)
	}
}

func (c *checker) count(sequence int64, r record) {
	if c.report.Count++; c.report.Count == 1 {
		c.report.First, c.report.FirstAt = sequence, r.At
	}
	c.report.Last, c.report.LastAt, c.report.LastHash = sequence, r.At, r.Hash
}

// unexplained tells whether records are missing at the beginning that no trim covers, so far.
func (c *checker) unexplained() bool { return len(c.gaps) > 0 && c.gaps[0].to > c.trim.upTo }

// finish says what can be said at the end only.
func (c *checker) finish() Report {
	for _, g := range c.gaps {
		c.judge(g)
	}
	c.report.MoreBreaks += c.lost
	end := c.head.doc.Sequence
	switch {
	case end > c.last:
		c.found(Truncated, c.last+1, end, "the newest records are missing: audit/head.json knows %d, and the last one there is %d", end, c.last)
	case end == 0 && (c.last > 1 || c.head.etag != ""):
		c.found(Truncated, c.last+1, 0, "audit/head.json is missing or damaged: nobody can say whether records behind %d are missing", c.last)
	}
	c.report.trim, c.report.Trimmed = c.trim, c.trim.upTo
	c.report.OK = len(c.report.Breaks) == 0
	if c.report.Breaks == nil {
		c.report.Breaks = []Break{}
	}
	return c.report
}

// judge says whether a gap is a trim's doing.
func (c *checker) judge(g gap) {
	switch {
	case g.to < c.trim.upTo:
		return
	case g.to == c.trim.upTo:
		if g.previous != "" && g.previous != c.trim.hash {
			c.found(Inserted, g.to+1, 0, "record %d does not follow the last record that retention removed", g.to+1)
		}
		return
	}
	from := max(g.from, c.trim.upTo+1)
	kind, what := Removed, "records %d to %d were removed"
	if from == c.trim.upTo+1 && g.from <= from {
		kind, what = Beginning, "the oldest records, %d to %d, are missing, and no record of retention covers them"
	}
	c.found(kind, from, g.to, what, from, g.to)
}
