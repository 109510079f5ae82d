package channel

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"cofre/pkg/fault"
)

// secrets are the texts by which what is secret of a channel can be known, the longest first: addresses and keys as a whole, and of an address
// everything but its scheme, host and port, as it is written there, as it is meant, and as it travels.
type secrets []string

// What is shorter than that says nothing, and would make others' words unreadable.
const (
	leastLogin = 3
	leastPart  = 4
)

// secretsOf finds what is secret in what the references of a channel lead to.
func secretsOf(texts ...string) (s secrets) {
	add := func(part string, least int) {
		for _, form := range []string{part, url.PathEscape(part), url.QueryEscape(part)} {
			if len(part) >= least && !slices.Contains(s, form) {
				s = append(s, form)
			}
		}
	}
	for _, text := range texts {
		add(text, 1)
		u, err := url.Parse(text)
		if err != nil || u.Host == "" { // a token, a key, or what is no URL, whatever is what in it
			for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("/?&=@:#", r) }) {
				add(part, leastPart)
			}
			continue
		}
		if u.User != nil {
			user := u.User.Username()
			password, _ := u.User.Password()
			for _, login := range []string{user + ":" + password, "\x00" + user + "\x00" + password, password} {
				add(base64.StdEncoding.EncodeToString([]byte(login)), leastPart)
			}
			add(u.User.String(), leastPart)
			add(user, leastLogin)
			add(password, leastLogin)
		}
		for _, raw := range strings.FieldsFunc(u.EscapedPath()+"&"+u.RawQuery+"&"+u.EscapedFragment(), func(r rune) bool { return strings.ContainsRune("/?&=:", r) }) {
			add(raw, leastPart)
			if meant, err := url.PathUnescape(raw); err == nil {
				add(meant, leastPart)
			}
		}
	}
	slices.SortStableFunc(s, func(a, b string) int { return len(b) - len(a) })
	return s
}

// hide takes what is secret out of a text.
func (s secrets) hide(text string) string {
	for _, part := range s {
		text = strings.ReplaceAll(text, part, "***")
	}
	return text
}

// maxSaid is how much of what a receiver said is looked at, in bytes: less than is read, so that a secret at the end is whole there, or is not shown.
const maxSaid = maxAnswer / 4

// quote is what a receiver said, in one short line. It is searched for secrets before anything is cut, so that no half of one is left.
func (s secrets) quote(said string) string {
	said = s.hide(printable(said))
	return fault.Shorten(said[:min(len(said), maxSaid)], 200)
}

// ownPart is how long a part of an address is that may not stand in our own words either: those hold no more of it than a whole address. A short
// one may be a word of ours, as the name of a channel.
const ownPart = 8

// hidden is an error without secrets, in which the receiver's words were quoted.
func (s secrets) hidden(err error) error {
	if err == nil {
		return nil
	}
	f := *fault.From(err)
	long := slices.DeleteFunc(slices.Clone(s), func(part string) bool { return len(part) < ownPart })
	f.Message, f.Err = long.hide(f.Message), nil
	return &f
}
