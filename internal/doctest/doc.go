// Package doctest keeps README.md, CONTRIBUTING.md, ARCHITECTURE.md and docs/ true. It holds tests only.
//
// # Commands
//
// The sh blocks of each document run in their order in one shell, as somebody would type them who reads
// it from the top: what one block exports, the next one has. The shell stands in a sandbox with a PostgreSQL
// server of its own that holds a database "shop", a MinIO bucket, a built cofre and stock client programs. Values that
// the documents make up (/srv/backups, postgresql://user:password@host:5432/shop, s3://bucket/prefix) are replaced by
// the sandbox's; sandbox_test.go has the table. Comments in front of a block, which no reader sees, direct the test:
//
//	<!-- not run: needs a running systemd -->   the block cannot run in a test, for this reason
//	<!-- test: lose_index -->                   run this first: a function of testdata/sandbox.sh that makes
//	                                            the situation which the document speaks of
//	<!-- check: rows shop 5000 -->              run this behind it: it fails when the promise was not kept
//	<!-- exit: 6 -->                            the block ends with this status
//
// A block without a comment has to end with status 0. docs/benchmarks.md is made by a program and left alone.
//
// Pages in Portuguese (*.pt-BR.md) have the commands of the English ones, and these comments, unchanged. They are compared with
// them, along with whatever stands in code face, and not run a second time.
//
// # Claims
//
// Commands, options, exit codes, environment variables with their defaults, error codes and messages, names of
// tests, packages, files, make targets and links that a document mentions are compared with the program and the sources.
// Programs that tests, scripts and documents call are held against what a minimal Debian has and scripts/setup brings to it.
// The access policy in docs/operating.md is tried out: everything works with it, and nothing can be left out of it.
package doctest
