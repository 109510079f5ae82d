package part

import (
	"slices"

	"cofre/pkg/archive"
	"cofre/pkg/postgres"
)

// ObjectOf gives the object that an entry defines, as a server is asked for it; false for what is none by itself: rows, comments,
// constraints.
func ObjectOf(e *archive.Entry) (postgres.Object, bool) {
	o := postgres.Object{Kind: e.Desc, Schema: e.Namespace, Name: e.Tag}
	switch {
	case slices.Contains(functionKinds, e.Desc):
		return signature(e)
	case e.Desc == "CONSTRAINT": // of a key: its index has its name
		if all := statements(e.Defn); len(all) > 0 {
			if at := all[0].behind("add", "constraint"); at != none && at < len(all[0]) && all[0][at].Name() {
				return postgres.Object{Kind: "INDEX", Schema: e.Namespace, Name: all[0][at].Text}, true
			}
		}
	case slices.Contains(postgres.ObjectKinds, e.Desc):
		return o, true
	}
	return o, false
}

var functionKinds = []string{"FUNCTION", "PROCEDURE", "AGGREGATE"}

// signature reads the name and the arguments of a function from "DROP FUNCTION schema.name(arguments)": the tag has the arguments' types
// only.
func signature(e *archive.Entry) (postgres.Object, bool) {
	t := postgres.Tokens(e.DropStmt)
	open := slices.IndexFunc(t, func(t postgres.Token) bool { return t.Is("(") })
	end := len(t) - 1
	for end > open && !t[end].Is(")") {
		end--
	}
	if open < 1 || end <= open || !t[0].Is("drop") {
		return postgres.Object{}, false
	}
	return postgres.Object{Kind: e.Desc, Schema: e.Namespace, Name: t[open-1].Text, Args: e.DropStmt[t[open].End:t[end].Start]}, true
}
