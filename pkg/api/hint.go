package api

import "cofre/pkg/wording"

// hintOf is a hint for who has no command line before them. "" is what remains of one about options alone.
func hintOf(hint string) string { return wording.OnScreen(hint) }
