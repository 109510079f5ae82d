// Package pgdump runs PostgreSQL's own programs: pg_dump, pg_restore and psql. It is the only package that starts
// processes.
//
// [Find] chooses the pg_dump for a server among those installed: the newest one, never older than the server.
// [Client.Dump] starts it and gives its output as a reader that keeps one promise: io.EOF comes only after the
// process was waited for and had ended with status 0. Whatever else ends it (a signal, a timeout, a lost
// connection, a missing right) comes out of Read as a fault, so that a dump that stopped in the middle can
// never be taken for one that is complete. The bytes are pg_dump's own, with one exception: the column versions that
// some minor releases of the server keep as a column option (see head.go) are left out, because other servers refuse
// them.
//
// [Client.Restore] is the other direction. It reads its input once, without temporary files, and commits only after the
// input has said that it was whole. By default everything happens in one transaction; with Jobs it is done by sections,
// in several sessions.
//
// Passwords go to the children by environment only, and the children get nothing else of ours: no cloud
// credentials, no other variable. Each child has a process group of its own, which is ended whole.
package pgdump
