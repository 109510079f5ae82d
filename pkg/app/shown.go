package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cofre/pkg/configfile"
	"cofre/pkg/source"
)

// ConfigSchema is the JSON schema of cofre.yaml, for editors.
func ConfigSchema() []byte { return slices.Clone(configfile.Schema) }

// Problems are all that is wrong with cofre.yaml.
type Problems = *configfile.Problems

// Shown is what holds, and where it comes from. It holds no secret: only where connections are to be had.
type Shown struct {
	File      string        `json:"file,omitempty"`
	Variables []string      `json:"variables"`         // that are set here: their names
	Default   string        `json:"default,omitempty"` // the source that is meant where nobody says which
	Sources   []ShownSource `json:"sources"`
	// Retention is what the file says of all sources; nil where it says nothing.
	Retention *source.Retention `json:"retention,omitempty"`
	Targets   []ShownTarget     `json:"targets"`
	Places    []ShownPlace      `json:"places"`
	Channels  []ShownChannel    `json:"channels"`
}

// ShownSource is one source, with the defaults in what it leaves out.
type ShownSource struct {
	source.Settings
	Origin   source.Origin `json:"origin"`
	Defaults []string      `json:"defaults"` // the keys whose values are defaults
}

// ShownTarget is a server to restore to.
type ShownTarget struct {
	Name       string            `json:"name"`
	Connection source.Connection `json:"connection"`
	Allow      []string          `json:"allow"`
	Origin     source.Origin     `json:"origin"`
}

// Said is what the file says of it, in its words.
func (t ShownTarget) Said() any {
	return struct {
		Connection source.Connection `json:"connection"`
		Allow      []string          `json:"allow"`
	}{t.Connection, t.Allow}
}

// ShownPlace is a second location.
type ShownPlace struct {
	configfile.Place
	Origin source.Origin `json:"origin"`
}

// ShownChannel is a way to tell people.
type ShownChannel struct {
	configfile.Channel
	Origin source.Origin `json:"origin"`
}

// Show reads the file where it lies in S3, and says what holds.
func (c *Config) Show(ctx context.Context) (Shown, error) {
	if err := c.readFile(ctx); err != nil {
		return Shown{}, err
	}
	all := c.Sources()
	out := Shown{File: c.FileName, Variables: []string{}, Default: all.Default, Sources: []ShownSource{}, Retention: c.File.Retention, Targets: []ShownTarget{}, Places: []ShownPlace{}, Channels: []ShownChannel{}}
	for _, v := range variables {
		if c.getenv(v.name) != "" {
			out.Variables = append(out.Variables, v.name)
		}
	}
	for _, s := range all.Sources {
		out.Sources = append(out.Sources, ShownSource{s, s.Origin, append([]string{}, s.Defaulted...)})
	}
	at := func(line int) source.Origin {
		return source.Origin{Kind: source.FromFile, File: c.FileName, Line: line}
	}
	for _, t := range c.File.Targets {
		allow := t.Allow
		if allow == nil {
			allow = []string{configfile.AllowNew}
		}
		out.Targets = append(out.Targets, ShownTarget{t.Name, t.Connection, allow, at(t.Line)})
	}
	for _, p := range c.File.Places {
		out.Places = append(out.Places, ShownPlace{p, p.Origin})
	}
	for _, ch := range c.File.Channels {
		out.Channels = append(out.Channels, ShownChannel{ch, ch.Origin})
	}
	return out, nil
}

// Note is something about a line of the file that is no fault of it.
type Note struct {
	Line    int    `json:"line"`
	Message string `json:"message"`
}

// Unreachable says which connections of the file's sources cannot be had on this machine, as the file may be another's. Secrets of AWS are not
// read for that.
func (c Config) Unreachable(ctx context.Context) []Note {
	notes := []Note{}
	for _, s := range c.File.Sources {
		_, err := c.target(ctx, s, func(context.Context, string) (string, error) { return "", errElsewhere })
		if err != nil && !errors.Is(err, errElsewhere) {
			notes = append(notes, Note{s.Origin.Line, fmt.Sprint(err)})
		}
	}
	return notes
}
