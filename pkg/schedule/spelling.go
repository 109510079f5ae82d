package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"cofre/pkg/lazyregexp"
)

// meant is an expression that was probably meant by one that is refused, and that is understood; "" when there is none.
func meant(expr string) string {
	words := strings.Fields(strings.Trim(strings.TrimSpace(expr), "\"'`"))
	for _, guess := range guesses(words) {
		if s, err := parse(guess); err == nil {
			return s.String()
		}
	}
	return ""
}

var clock = lazyregexp.New(`^([01]?\d|2[0-3]):([0-5]\d)$`)

// guesses are what other programs' ways to write a schedule would be here.
func guesses(words []string) []string {
	if len(words) == 0 {
		return nil
	}
	text := strings.Join(words, " ")
	out := []string{text, strings.ToLower(text)} // without quotation marks; CRON(…), @Daily
	first, rest := words[0], strings.Join(words[1:], " ")
	if name, zone, ok := strings.Cut(first, "="); ok { // robfig/cron and Kubernetes take TZ=, systemd has its own
		switch strings.ToLower(strings.ReplaceAll(name, "_", "")) {
		case "tz", "crontz", "timezone", "zone":
			out = append(out, "CRON_TZ="+strings.Trim(zone, `"'`)+" "+rest)
		}
	}
	if last := words[len(words)-1]; len(words) == 6 { // the zone behind, seconds in front, or EventBridge's year
		out = append(out, "CRON_TZ="+last+" "+strings.Join(words[:5], " "))
		if strings.Contains(text, "?") {
			out = append(out, "cron("+text+")")
		} else if first == "0" {
			out = append(out, rest)
		}
	}
	if in, ok := inside(text, "cron"); ok {
		out = append(out, in)
	}
	if in, ok := inside(text, "rate"); ok {
		if n, unit, ok := strings.Cut(in, " week"); ok && (unit == "" || unit == "s") {
			if weeks, err := strconv.Atoi(n); err == nil {
				out = append(out, fmt.Sprintf("rate(%d days)", 7*weeks))
			}
		}
	}
	if every, err := time.ParseDuration(rest); err == nil && first == "@every" && every >= time.Minute && every%time.Minute == 0 {
		out = append(out, rate(every))
	}
	if m := clock().FindStringSubmatch(text); m != nil {
		hour, _ := strconv.Atoi(m[1])
		minute, _ := strconv.Atoi(m[2])
		out = append(out, fmt.Sprintf("%d %d * * *", minute, hour))
	}
	return append(out, "@"+strings.ToLower(text))
}

// rate writes whole minutes in EventBridge's way.
func rate(every time.Duration) string {
	n, unit := int(every/time.Minute), "minute"
	switch {
	case every%(24*time.Hour) == 0:
		n, unit = int(every/(24*time.Hour)), "day"
	case every%time.Hour == 0:
		n, unit = int(every/time.Hour), "hour"
	}
	if n > 1 {
		unit += "s"
	}
	return fmt.Sprintf("rate(%d %s)", n, unit)
}
