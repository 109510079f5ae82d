package wording

import "sync"

// lists are the parts of the catalogue, each in a file of its own.
var lists = [][]entry{common, outside, inside, doors, screens, commands, kept, answers, rest, records, configuration}

// prose are those of them that may come to a screen, as [OnScreen] makes them.
var prose = lists

// WithHelp adds the words of the commands' help, before anything is said: a program that has no commands, and never calls it, does not carry them.
func WithHelp() { withHelp.Do(func() { lists = append(lists, helps) }) }

var withHelp sync.Once

// common are words that several places use.
var common = []entry{
	{"(default", "(padrão"},
	{"(tried %d times)", "(%d tentativas)"},
}
