package event

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"cofre/pkg/quantity"
	"cofre/pkg/wording"
)

// Language is that of a text.
type Language string

// The languages. Anything else is English.
const (
	English    Language = "en"
	Portuguese Language = "pt-BR"
)

// Languages are all there are.
func Languages() []Language { return []Language{English, Portuguese} }

// Text is an event in words.
type Text struct {
	Title string   // one line: what happened, to which source
	Lines []string // what else is known
}

// String is all of it, a line each.
func (t Text) String() string { return strings.Join(append([]string{t.Title}, t.Lines...), "\n") }

// Say puts an event into words. Times are those of zone; nil is UTC.
func (e Event) Say(l Language, zone *time.Location) Text {
	w, ok := catalogues[l]
	if !ok {
		w = catalogues[English]
	}
	if zone == nil {
		zone = time.UTC
	}
	e.Detail = wording.Say(string(l), e.Detail)
	s := sayer{w, zone}
	title := w.titles[e.Kind]
	switch {
	case len(e.Sources) > 0 && w.several[e.Kind] != "":
		title, e.Count = w.several[e.Kind], len(e.Sources)+max(e.Others, 0)
	case e.Day > 1 && w.still[e.Kind] != "":
		title = w.still[e.Kind]
	case e.Source == "" && w.overall[e.Kind] != "":
		title = w.overall[e.Kind]
	}
	if e.Kind == Digest {
		return s.digest(e)
	}
	t := Text{Title: s.fill(title, e)}
	add := func(name string, with bool) {
		if with {
			t.Lines = append(t.Lines, s.fill(w.lines[name], e))
		}
	}
	add("what_over", len(e.Over) > 0)
	add("detail", e.Detail != "")
	add("failures", e.Kind == BackupFailed && e.Count > 1)
	add("tables", e.Kind == RowsLost && e.Target != "")
	add("size", e.Bytes > 0 && e.Limit == 0)
	add("use", e.Limit > 0)
	add("duration", e.Duration > 0)
	add("since", !e.Since.IsZero() && e.Kind != Recovered)
	add("lasted", !e.Since.IsZero() && e.Kind == Recovered)
	add("target", e.Kind != RowsLost && e.Target != "")
	add("by", e.By != "")
	add("id", e.Resource != "")
	return t
}

type sayer struct {
	words
	zone *time.Location
}

// fill puts an event's parameters into a pattern.
func (s sayer) fill(pattern string, e Event) string {
	name := e.Source
	if name == "" {
		name = s.nobody
	}
	var over []string
	for _, k := range e.Over {
		over = append(over, s.names[k])
	}
	return strings.NewReplacer(
		"{source}", line(name), "{day}", fmt.Sprint(e.Day), "{count}", fmt.Sprint(e.Count), "{detail}", line(e.Detail), "{target}", line(e.Target), "{by}", line(e.By), "{id}", line(e.Resource),
		"{size}", s.size(e.Bytes), "{limit}", s.size(e.Limit), "{percent}", fmt.Sprint(percent(e.Bytes, e.Limit)), "{duration}", s.length(time.Duration(e.Duration)*time.Millisecond),
		"{since}", s.time(e.Since), "{lasted}", s.length(e.At.Sub(e.Since)), "{over}", strings.Join(over, ", "),
	).Replace(pattern)
}

// digest sums up.
func (s sayer) digest(e Event) Text {
	d := e.Summary
	title := s.lines["digest_well"]
	if n := len(d.Open) + d.More; n > 0 {
		title = strings.ReplaceAll(s.lines["digest_ill"], "{count}", fmt.Sprint(n))
	}
	t := Text{Title: strings.ReplaceAll(title, "{period}", s.periods[d.Period])}
	t.Lines = append(t.Lines, strings.NewReplacer("{sources}", fmt.Sprint(d.Sources), "{succeeded}", fmt.Sprint(d.Succeeded), "{failed}", fmt.Sprint(d.Failed), "{size}", s.size(d.Bytes)).Replace(s.lines["digest_figures"]))
	for _, p := range d.Open {
		name, since := p.Source, ""
		if name == "" {
			name = s.nobody
		}
		if !p.Since.IsZero() {
			since = " (" + s.fill(s.lines["since"], Event{Since: p.Since}) + ")"
		}
		t.Lines = append(t.Lines, "- "+line(name)+": "+s.names[p.Kind]+since)
	}
	if d.More > 0 {
		t.Lines = append(t.Lines, strings.ReplaceAll(s.lines["more"], "{count}", fmt.Sprint(d.More)))
	}
	return t
}

// line is a text without breaks and control characters, and without those that turn the direction of writing: what it says must not look like
// words of ours.
func line(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 || r >= 0x80 && r < 0xa0 || unicode.Is(unicode.Bidi_Control, r)
	}), " ")
}

func percent(part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return int64(float64(part) / float64(whole) * 100)
}

func (s sayer) time(t time.Time) string { return t.In(s.zone).Format(s.layout) }

// size and length say figures as all doors do, with the language's decimal sign.
func (s sayer) size(n int64) string { return s.localized(quantity.Bytes(n)) }

func (s sayer) length(d time.Duration) string {
	d = max(d, 0)
	if d < 2*day {
		return s.localized(quantity.Duration(d))
	}
	return fmt.Sprintf("%d %s", int(d/day), s.days)
}

func (s sayer) localized(figure string) string {
	return strings.ReplaceAll(figure, ".", s.decimal)
}
