package cli

import (
	"reflect"
	"testing"

	"github.com/spf13/cobra"

	"cofre/pkg/source"
)

// What an empty value takes back is not said any more: that a source is copied nowhere is something else.
func TestSourceFlags(t *testing.T) {
	for _, c := range []struct {
		args []string
		want *source.Settings
	}{
		{[]string{"--copy", "", "--tag", "", "--databases", "", "--schedule", ""}, &source.Settings{Databases: source.Patterns{}, Tags: map[string]string{}}},
		{[]string{"--copy", "a", "--copy", "b", "--tag", "team=x,y", "--tag", "k=v"}, &source.Settings{Copies: []string{"a", "b"}, Tags: map[string]string{"team": "x,y", "k": "v"}}},
		{[]string{"--tag", "k"}, nil},
		{[]string{"--tag", "=v"}, nil},
	} {
		var f sourceFlags
		cmd := &cobra.Command{}
		f.add(cmd, true)
		if err := cmd.ParseFlags(c.args); err != nil {
			t.Fatal(err)
		}
		var got source.Settings
		err := f.said(cmd.Flags().Changed, &got)
		if (err == nil) != (c.want != nil) || err == nil && !reflect.DeepEqual(got, *c.want) {
			t.Errorf("%q: %+v, %v", c.args, got, err)
		}
	}
}
