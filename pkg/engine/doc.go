// Package engine dumps a database over several connections into one standard archive, which is written as one ordered stream.
//
//	session (locks, then snapshot) ── pg_dump --snapshot: the head ─▶ plan: pieces in the order of the table of contents
//	        readers 1…N: COPY piece → rows counted and hashed → compressed into frames ─▶ spool ─▶ archive.Writer, in order
//
// [Start] is a drop-in for [pgdump.Client.Dump]: a reader that answers io.EOF only after everything has ended well. What the
// engine does not cover is dumped by one pg_dump, by itself; [Dump.How] says which it was, and why. What its head turns out to hold
// is a reason, too.
//
// # Why it is one state
//
// The session locks all tables (ACCESS SHARE), takes its snapshot after that, and holds both to the end, where it is asked
// whether it still does. Readers prove that they have reached the same server before they import the snapshot. Large tables are
// read in ranges of pages (ctid), the last of which is open: under the lock nothing rewrites or truncates a table, and rows that
// come later, wherever they are put, are not in the snapshot.
//
// A reader never waits for a lock: he would queue behind an ALTER TABLE that waits for the session, which waits for the reader.
// It locks at once or not at all, and what it is refused is read by the session itself.
//
// # Memory
//
// pg_dump takes a row whole, and more than once. The one that is there for the head is held when it begins to read rows, and ended; and
// small databases, which it would do alone, are read by the engine where TOAST may hide a long row.
//
// Rows are passed on as they come from the connection, a row in pieces, too. What a reader has compressed before its turn is
// kept, [SpoolPerJob] bytes for each reader, all together; whose turn it is writes through.
package engine
