package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// helpWidth is where descriptions of options wrap, in columns.
const helpWidth = 100

// usageText writes the part of the help that follows a command's description.
func (p *program) usageText(cmd *cobra.Command) error {
	var b strings.Builder
	head := func(s string) { b.WriteString("\n" + p.out.Bold(s) + "\n") }
	b.WriteString(p.out.Bold("Usage:") + "\n")
	if cmd.HasAvailableSubCommands() {
		b.WriteString("  " + cmd.CommandPath() + " COMMAND [options]\n")
	} else {
		b.WriteString("  " + cmd.UseLine() + "\n")
	}
	if cmd.HasExample() {
		head("Examples:")
		b.WriteString(strings.TrimRight(cmd.Example, "\n") + "\n")
	}
	if cmd.HasAvailableSubCommands() {
		commandList(&b, cmd, head)
	}
	if cmd.HasAvailableLocalFlags() && cmd.HasParent() {
		head("Options:")
		b.WriteString(cmd.LocalFlags().FlagUsagesWrapped(helpWidth))
	}
	if f := cmd.Root().PersistentFlags(); f.HasAvailableFlags() {
		head("Options of every command:")
		b.WriteString(f.FlagUsagesWrapped(helpWidth))
	}
	head("Exit codes:")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.meaning)
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\n" + cmd.CommandPath() + " COMMAND --help says more about a command.\n")
	}
	_, err := fmt.Fprint(cmd.OutOrStderr(), b.String())
	return err
}

func commandList(b *strings.Builder, cmd *cobra.Command, head func(string)) {
	list := func(group string) {
		for _, c := range cmd.Commands() {
			if c.GroupID == group && (c.IsAvailableCommand() || c.Name() == "help") {
				fmt.Fprintf(b, "  %-11s %s\n", c.Name(), c.Short)
			}
		}
	}
	for _, g := range cmd.Groups() {
		head(g.Title)
		list(g.ID)
	}
	if len(cmd.Groups()) == 0 {
		head("Commands:")
		list("")
	}
}
