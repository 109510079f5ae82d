// Package postgres knows PostgreSQL servers: how to reach one, what it is, what is in it, and whether two
// databases hold the same.
//
// A [Target] is a parsed connection (a URL, libpq keywords, or the PG* environment). It connects with
// [Target.Connect], or [ConnectRetry] when a server that is starting or busy deserves a second try, and hands
// the same connection to child processes without its secrets in their arguments ([Target.ClientConninfo],
// [Target.ClientEnv]).
//
// [Inspect] says what a backup needs to know before it starts: versions, sizes, and which tables the role
// cannot read. [SchemaVersion] names the state of the schema. [Empty] tells whether a restore would meet
// anything. [CreateDatabase] and [DropDatabase] make scratch databases. [TakeFingerprint] and [Diff] compare two
// databases: every row, every definition.
//
// Errors are faults (package fault) that name which of host, port, TLS, login or database it was, and
// never contain a password.
package postgres
