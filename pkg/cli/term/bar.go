package term

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// State is how far something is.
type State struct {
	Phase   string
	Done    int64   // bytes
	Total   int64   // bytes; 0 when nobody knows
	Rate    float64 // bytes per second; 0 lets the bar measure it
	Percent *int    // replaces what Done and Total say
	Note    string
}

// Mode is how progress is shown.
type Mode int

// The modes.
const (
	Off   Mode = iota // not at all
	Lines             // a line now and then, for logs
	Drawn             // a line that is drawn over
)

const (
	drawEvery = 120 * time.Millisecond
	lineEvery = 5 * time.Second
	rateOver  = 5 * time.Second
)

// Bar shows one piece of work. Close ends it.
type Bar struct {
	screen  *Screen
	mode    Mode
	started time.Time
	stop    chan struct{}
	done    chan struct{}

	mu    sync.Mutex
	state State
	marks []mark
	frame int
}

type mark struct {
	at    time.Time
	bytes int64
}

// Bar starts showing work. A mode of Drawn needs a live screen and becomes Off without one.
func (s *Screen) Bar(mode Mode, phase string) *Bar {
	if mode == Drawn && !s.Live {
		mode = Off
	}
	b := &Bar{screen: s, mode: mode, started: time.Now(), stop: make(chan struct{}), done: make(chan struct{}), state: State{Phase: phase}}
	go b.run()
	return b
}

// Mode is how the work is shown in the end.
func (b *Bar) Mode() Mode { return b.mode }

// Set says how far the work is. It may be called often and from several goroutines.
func (b *Bar) Set(st State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if st.Done < b.state.Done { // begun anew
		b.marks = nil
	}
	b.state = st
}

// Close removes the bar and waits until nothing more is drawn.
func (b *Bar) Close() {
	select {
	case <-b.done:
	default:
		close(b.stop)
		<-b.done
	}
}

func (b *Bar) run() {
	defer close(b.done)
	every := drawEvery
	if b.mode == Off {
		<-b.stop
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	lastLine, lastPhase := b.started, ""
	for {
		now := time.Now()
		st := b.snapshot(now)
		switch {
		case b.mode == Drawn:
			b.screen.draw(b.drawn(st, now))
		case st.Phase != lastPhase || now.Sub(lastLine) >= lineEvery:
			lastLine, lastPhase = now, st.Phase
			fmt.Fprintln(b.screen, b.plain(st, now))
		}
		select {
		case <-b.stop:
			if b.mode == Drawn {
				b.screen.draw("")
			}
			return
		case <-tick.C:
		}
	}
}

// snapshot gives the state with rate and percentage filled in.
func (b *Bar) snapshot(now time.Time) State {
	b.mu.Lock()
	defer b.mu.Unlock()
	st := b.state
	b.frame++
	b.marks = append(b.marks, mark{now, st.Done})
	for len(b.marks) > 2 && now.Sub(b.marks[1].at) > rateOver {
		b.marks = b.marks[1:]
	}
	if d := now.Sub(b.marks[0].at).Seconds(); st.Rate == 0 && d > 0 {
		st.Rate = float64(st.Done-b.marks[0].bytes) / d
	}
	if st.Percent == nil && st.Total > 0 {
		p := int(min(100, st.Done*100/st.Total))
		st.Percent = &p
	}
	return st
}

// facts are what is told besides the phase.
func facts(l Look, st State, elapsed time.Duration) []string {
	var f []string
	switch {
	case st.Total > 0:
		f = append(f, l.Say(Bytes(st.Done)+" of "+Bytes(st.Total)))
	case st.Done > 0:
		f = append(f, l.Say(Bytes(st.Done)))
	}
	if st.Done > 0 {
		f = append(f, l.Say(Bytes(int64(st.Rate))+"/s"))
	}
	return append(f, Clock(elapsed))
}

// plain is the line of a log.
func (b *Bar) plain(st State, now time.Time) string {
	f := facts(b.screen.Look, st, now.Sub(b.started))
	if st.Percent != nil {
		f = append([]string{fmt.Sprintf("%d %%", *st.Percent)}, f...)
	}
	if st.Note != "" {
		f = append(f, Clean(b.screen.Say(st.Note)))
	}
	return b.screen.Say(st.Phase) + ": " + strings.Join(f, ", ")
}

const (
	phaseWidth = 11
	barWidth   = 28
	barLeast   = 8
)

// drawn is the line of a terminal: a bar where there is an honest percentage, otherwise only a sign of life.
func (b *Bar) drawn(st State, now time.Time) string {
	l := b.screen.Look
	width := 80
	if l.Width != nil && l.Width() > 0 {
		width = l.Width()
	}
	width-- // the last column makes some terminals wrap
	phase := l.Say(st.Phase)
	phase += strings.Repeat(" ", max(0, phaseWidth-Width(phase)))
	text := strings.Join(facts(l, st, now.Sub(b.started)), "  ")
	if st.Note != "" {
		text += "  " + Clean(b.screen.Say(st.Note))
	}
	if st.Percent == nil {
		return l.Cyan(b.spinner()) + " " + Shorten(phase+" "+text, max(1, width-2))
	}
	pct := fmt.Sprintf("%3d %%", *st.Percent)
	room := min(barWidth, width-2-Width(phase)-2-len(pct)-2-Width(text))
	if room < barLeast {
		return l.Cyan(b.spinner()) + " " + Shorten(phase+" "+pct+"  "+text, max(1, width-2))
	}
	full := room * min(100, max(0, *st.Percent)) / 100
	done := strings.Repeat(l.Sign("━", "#"), full)
	rest := strings.Repeat(l.Sign("─", "-"), room-full)
	return l.Cyan(b.spinner()) + " " + phase + " " + l.Green(done) + l.Dim(rest) + " " + pct + "  " + text
}

func (b *Bar) spinner() string {
	frames := []rune(b.screen.Sign("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", `|/-\`))
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(frames[b.frame%len(frames)])
}
