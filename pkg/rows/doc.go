// Package rows shows the rows of a table as they lie in a backup: in the text format of PostgreSQL's COPY
// (https://www.postgresql.org/docs/current/sql-copy.html, "Text Format"), or in its binary format with values of the types that
// [BinaryTypes] lists. A [Reader] takes them as they flow by, cut anywhere, and writes them as CSV, as JSON, or as COPY's text. What
// it makes of binary values is what the server itself would have written with pg_dump's settings and in the time zone UTC.
//
// A field may have a gigabyte. It is never held as a whole: memory is a few KiB, whatever the row. (Numbers of many digits and text
// search vectors are, whose size PostgreSQL bounds: 128 KB, and a few MB.)
package rows
