// Package web is the web UI, built by Vite into dist and embedded in the binary.
//
// "make ui" builds it; Go alone builds a binary with a page that says so instead. The files need no particular path
// and no rewrite rules: routes are behind the "#". Beside index.html the app looks for config.json, which whoever
// serves it writes (see src/config.ts).
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

//go:embed placeholder
var placeholder embed.FS

// Files gives the UI's files, index.html at the root. Everything below assets/ carries a hash in its name and never
// changes. Without a built UI there is only an index.html that tells how to build it.
func Files() fs.FS {
	if Built() {
		return sub(dist, "dist")
	}
	return sub(placeholder, "placeholder")
}

// Built tells whether the binary holds the UI.
func Built() bool {
	_, err := fs.Stat(dist, "dist/index.html")
	return err == nil
}

func sub(files embed.FS, dir string) fs.FS {
	f, err := fs.Sub(files, dir)
	if err != nil {
		panic(err) // only an invalid name, and these are constants
	}
	return f
}
