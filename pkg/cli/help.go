package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cofre/pkg/wording"
)

func init() { wording.WithHelp() }

// helpWidth is where descriptions of options wrap, in columns.
const helpWidth = 100

// usageText writes the part of the help that follows a command's description.
func (p *program) usageText(cmd *cobra.Command) error {
	var b strings.Builder
	head := func(s string) { b.WriteString("\n" + p.out.Bold(p.out.Say(s)) + "\n") }
	b.WriteString(p.out.Bold(p.out.Say("Usage:")) + "\n")
	if cmd.HasAvailableSubCommands() {
		b.WriteString("  " + cmd.CommandPath() + " " + p.out.Say("COMMAND [options]") + "\n")
	} else {
		b.WriteString("  " + strings.ReplaceAll(cmd.UseLine(), "[options]", p.out.Say("[options]")) + "\n")
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
		b.WriteString(p.usages(cmd.LocalFlags()))
	}
	if f := cmd.Root().PersistentFlags(); f.HasAvailableFlags() {
		head("Global options:")
		b.WriteString(p.usages(f))
	}
	head("Exit codes:")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, p.out.Say(e.meaning))
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\n" + p.out.Say(cmd.CommandPath()+" COMMAND --help says more about a command.") + "\n")
	}
	_, err := fmt.Fprint(cmd.OutOrStderr(), b.String())
	return err
}

// sayHelp puts the help of a command and of those below it into the language of who reads it. What is typed stays as it is.
func (p *program) sayHelp(c *cobra.Command) {
	if p.out.Language == "" || p.out.Language == wording.English {
		return
	}
	say := func(text string) string { return wording.Say(p.out.Language, strings.TrimSpace(text)) }
	c.Short, c.Long = say(c.Short), say(c.Long)
	lines := strings.Split(c.Example, "\n")
	for i, line := range lines {
		call, about, ok := strings.Cut(strings.TrimRight(line, " "), "   ")
		for ok && strings.TrimSpace(call) == "" { // what it begins with
			var more string
			more, about, ok = strings.Cut(about, "   ")
			call += "   " + more
		}
		if core := strings.TrimLeft(about, " "); ok && core != "" {
			lines[i] = strings.TrimSuffix(line, core) + say(core)
		}
	}
	c.Example = strings.Join(lines, "\n")
	for _, set := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
		set.VisitAll(func(f *pflag.Flag) { f.Usage = say(f.Usage) })
	}
	for _, sub := range c.Commands() {
		p.sayHelp(sub)
	}
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

// usages lists options.
func (p *program) usages(f *pflag.FlagSet) string {
	return strings.ReplaceAll(f.FlagUsagesWrapped(helpWidth), "(default ", p.out.Say("(default")+" ")
}
