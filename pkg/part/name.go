package part

import (
	"strings"

	"cofre/pkg/archive"
)

// described names an entry inside of a sentence: "index app.orders_total".
func described(e *archive.Entry) string {
	kind, rest, _ := strings.Cut(e.String(), e.Desc)
	return kind + strings.ToLower(e.Desc) + rest
}
