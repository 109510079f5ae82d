// Package uitest runs the web UI in a real browser against the real server, a real PostgreSQL and a local directory.
//
// The tests start what is needed and hand over to web/e2e, which drives Chromium. Screenshots are written to
// .cache/ui-screenshots, or to COFRE_SCREENSHOTS, to be looked at; "make pictures" takes those of every screen in every state. With
// COFRE_DOC_IMAGES set to docs/images (its full path), that makes the pictures of docs/ui.md anew.
package uitest
