// Package part cuts a part out of the table of contents of an archive of pg_dump's: chosen tables or schemas with all that belongs to
// them, or what a list names. It says what the part needs beside itself, and may put one table under another name.
//
// # What belongs to what
//
// To a table belong its rows, indexes, constraints, defaults, triggers, rules, policies, extended statistics, the sequences that it
// owns, and its partitions with theirs; to each of these its comments, grants and security labels. The archive's dependencies say so,
// together with the names of entries (pg_backup_archiver.h: dump ids; pg_dump.c: tags such as "orders orders_pkey"). A table that
// inherits from another one without being its partition is a table of its own.
//
// # What it needs
//
// An entry of the part needs those that it depends on and that are not in the part: its schema, types of columns, functions of triggers
// and defaults, tables that foreign keys refer to, parents. What functions read when they run stands nowhere.
//
// Everything here is a function of an archive's head: nothing is read from storage or from a server.
package part
