package cli

import (
	"strings"
	"testing"

	"cofre/pkg/overview"
)

// What is to be done next is a command that there is.
func TestCommandOfEachStep(t *testing.T) {
	for _, step := range overview.Steps() {
		for _, n := range []overview.Next{{Step: step}, {Step: step, Source: "my shop"}, {Step: step, Source: "my shop", Backup: "01JZ8Q4M9T4Y3V6K2W1X0N5BCD"}} {
			command := commandOf(n)
			words := strings.Fields(strings.ReplaceAll(command, "'my shop'", "my_shop"))
			if len(words) < 2 {
				t.Errorf("%+v: %q", n, command)
				continue
			}
			c, rest, err := (&program{}).root().Find(words[1:])
			if err != nil || !c.Runnable() {
				t.Errorf("%q: there is no such command: %v", command, err)
				continue
			}
			if err := c.ParseFlags(rest); err != nil {
				t.Errorf("%q: %v", command, err)
			} else if err := c.ValidateArgs(c.Flags().Args()); err != nil {
				t.Errorf("%q: %v", command, err)
			}
		}
	}
	if c := nextCommand("Look at it: cofre info X", overview.Next{Step: overview.StepCreate}); c != "" {
		t.Errorf("beside a hint with a command stands %q", c)
	}
}
