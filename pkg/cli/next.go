package cli

import (
	"strings"

	"cofre/pkg/overview"
	"cofre/pkg/source"
)

// commandOf is the command that takes a step, ready for a shell; "" for none.
func commandOf(n overview.Next) string {
	of, backup := "", n.Backup
	if n.Source != "" {
		of = " --source " + source.Quote(n.Source)
	}
	if backup == "" && (n.Step == overview.StepLook || n.Step == overview.StepCompare || n.Step == overview.StepProve) {
		n.Step = overview.StepBackups
	}
	switch n.Step {
	case overview.StepCreate:
		return "cofre create" + of
	case overview.StepLook:
		return "cofre info " + backup
	case overview.StepCompare:
		return "cofre diff " + backup
	case overview.StepProve:
		return "cofre prove " + backup
	case overview.StepBackups:
		return "cofre list" + of
	case overview.StepDamaged:
		return "cofre list --damaged" + of
	case overview.StepWatch:
		return "cofre list --status in_progress" + of
	case overview.StepSource:
		if n.Source == "" {
			return "cofre source list"
		}
		return "cofre source show " + source.Quote(n.Source)
	case overview.StepPlaces:
		return "cofre place list"
	case overview.StepChecks:
		return "cofre doctor"
	case overview.StepRoom:
		return "cofre cleanup --plan"
	}
	return ""
}

// nextCommand is the command that takes a step, where the hint beside it names none.
func nextCommand(hint string, n overview.Next) string {
	if strings.Contains(hint, "cofre ") {
		return ""
	}
	return commandOf(n)
}
