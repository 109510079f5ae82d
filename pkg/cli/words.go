package cli

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"cofre/pkg/backup"
	"cofre/pkg/cli/term"
	"cofre/pkg/registry"
)

// statusWord is a backup's state in one word, with its colour.
func statusWord(b backup.Backup, l term.Look) term.Cell {
	c := statusOf(b, l)
	c.Text = l.Say(c.Text)
	return c
}

func statusOf(b backup.Backup, l term.Look) term.Cell {
	switch {
	case b.Damaged():
		return term.Cell{Text: "damaged", Paint: l.Red}
	case b.Status == registry.Success && !b.Verified(): // from tags alone: nobody has looked at it since
		return term.Cell{Text: "unverified", Paint: l.Yellow}
	case b.Status == registry.Success:
		return term.Cell{Text: "ok", Paint: l.Green}
	case b.Ended() == registry.Canceled:
		return term.Cell{Text: "canceled", Paint: l.Dim}
	case b.Ended() == registry.Interrupted:
		return term.Cell{Text: "interrupted", Paint: l.Red}
	case b.Status == registry.Failed:
		return term.Cell{Text: "failed", Paint: l.Red}
	}
	return term.Cell{Text: "running", Paint: l.Cyan}
}

// verifiedWord is how far a backup was verified, for a table.
func verifiedWord(b backup.Backup, l term.Look) term.Cell {
	c := verifiedOf(b, l)
	c.Text = l.Say(c.Text)
	return c
}

func verifiedOf(b backup.Backup, l term.Look) term.Cell {
	v := b.Verification
	switch {
	case b.Status != registry.Success || v == nil:
		return term.Cell{Text: "-", Paint: l.Dim}
	case !v.OK:
		return term.Cell{Text: "damaged", Paint: l.Red}
	case v.Level == registry.LevelStream:
		return term.Cell{Text: "at creation", Paint: l.Green}
	case v.Level == registry.LevelRestoredInPart:
		return term.Cell{Text: "in part", Paint: l.Green}
	case v.Level == registry.LevelProvenInPart:
		return term.Cell{Text: "proven in part", Paint: l.Green}
	}
	return term.Cell{Text: v.Level, Paint: l.Green}
}

// ladder shows in dots how far a backup was looked into: stored, checked while it was made, read back, restored, proven. There are none where
// they cannot be shown.
func ladder(b backup.Backup, l term.Look) string {
	if !l.Unicode || b.Status != registry.Success || b.Verification == nil {
		return ""
	}
	dots := " ●"
	for _, v := range b.Ladder()[registry.RungChecked:] {
		switch {
		case v == nil:
			dots += "○"
		case !v.OK:
			dots += "×"
		case v.InPart():
			dots += "◐"
		default:
			dots += "●"
		}
	}
	return dots
}

// verifiedLong says the same in a sentence.
func verifiedLong(b backup.Backup) string {
	if b.Verification == nil {
		return ""
	}
	return verifiedAs(*b.Verification)
}

func verifiedAs(v registry.Verification) string {
	if !v.OK {
		var problems []string
		for _, p := range v.Problems {
			problems = append(problems, cmp.Or(p.Detail, string(p.Reason)))
		}
		problems = slices.DeleteFunc(problems, func(p string) bool { return p == "" })
		if len(problems) == 0 {
			return "damaged (its record does not say how)"
		}
		return "damaged: " + strings.Join(problems, "; ")
	}
	switch {
	case v.Proof == nil:
	case v.Proof.Target != "":
		return "restored into a database at the target " + v.Proof.Target + " and compared, in part"
	case v.Level == registry.LevelRestored:
		return "restored into a server of its own, every row compared, and not proven"
	}
	switch v.Level {
	case registry.LevelStream:
		return "verified while it was written"
	case registry.LevelChecksum:
		return "read back, size and checksums agree (encrypted: contents not checked)"
	case registry.LevelFull:
		return "read back, every block decompressed"
	case registry.LevelRestoredInPart:
		return "restored into a database in part"
	case registry.LevelRestored:
		return "restored into a database"
	case registry.LevelProvenInPart:
		return "restored into a server of its own and compared, in part"
	case registry.LevelProven:
		return "restored into a server of its own, every row compared"
	}
	return "verified: " + v.Level
}

// sourceCell is whose backup it is.
func sourceCell(b backup.Backup, l term.Look) term.Cell {
	if b.Source == "" && b.Database != "" {
		return term.Cell{Text: b.Database + " ?", Paint: l.Dim} // of a server that nobody knows
	}
	return term.Cell{Text: b.SourceName()}
}

// holdsCell is what of its source it holds.
func holdsCell(b backup.Backup, l term.Look) term.Cell {
	if part := backup.DescribePart(b); part != "" {
		return term.Cell{Text: "PART: " + part, Paint: l.Yellow}
	}
	return term.Cell{Text: l.Say("everything")}
}

// warningText is what somebody should look at in a backup, beside those before it; "" when there is nothing.
func warningText(b backup.Backup, f backup.Fate) string {
	var texts []string
	if f.Shrunk {
		texts = append(texts, shrunkText(b, f))
	}
	if c := b.Contents; c != nil && c.Lost > 0 {
		texts = append(texts, term.Plural(c.Lost, "table")+" lost rows")
	}
	return strings.Join(texts, "; ")
}

func shrunkText(b backup.Backup, f backup.Fate) string {
	return fmt.Sprintf("%s, the one before has %s", term.Bytes(b.Size), term.Bytes(f.PreviousSize))
}

// sizeText gives a stored size with what it is made of.
func sizeText(b backup.Backup) string {
	if b.Size == 0 {
		return ""
	}
	s := term.Bytes(b.Size)
	var of []string
	if b.Compression != "" && b.Compression != "none" {
		of = append(of, b.Compression)
	}
	if b.UncompressedSize > b.Size {
		of = append(of, "from "+term.Bytes(b.UncompressedSize))
	}
	if b.Encryption == "age" {
		of = append(of, "encrypted")
	}
	if len(of) > 0 {
		s += " (" + strings.Join(of, ", ") + ")"
	}
	return s
}

func durationText(b backup.Backup) string {
	if b.Duration <= 0 {
		return "-"
	}
	return term.Duration(time.Duration(b.Duration) * time.Millisecond)
}

// shortPath is a file path without the folder that all of them are in.
func shortPath(b backup.Backup) string { return strings.TrimPrefix(b.Filepath, registry.FilesPrefix) }

// contentText says what part of the database is in it.
func contentText(b backup.Backup) string {
	s := map[string]string{backup.ContentAll: "schema and data", backup.ContentSchema: "schema only", backup.ContentData: "data only"}[b.Content]
	return strings.Join(append([]string{s}, backup.DescribeSelection(b.Selection, math.MaxInt)...), "; ")
}
