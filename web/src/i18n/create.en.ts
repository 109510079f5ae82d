// What is said of which part of a database a backup holds, in English. Its shape is the one that the other languages must have.

import { counting } from "./count";

const { n, s } = counting("en");

export const createEn = {
  legend: "Tables",
  modes: {
    all: ["The whole database", "every schema and table"],
    some: ["Only some", "the schemas and tables that are chosen"],
    but: ["All but some", "without the schemas and tables that are chosen"],
    rows: ["All, but some without their rows", "the chosen tables with their schema alone: logs, caches"],
  },
  from: (when: string) => `As of the backup of ${when}. What is newer can be named by a pattern.`,
  unknown: "No whole backup of it is known yet, so its tables cannot be listed. Name them by pattern.",
  otherDatabase: "No backup of this database is known yet, so its tables cannot be listed. Name them by pattern.",
  noContents: "The contents of its last backup are not known here. Name tables by pattern.",
  tree: "Schemas and tables",
  search: "Search for tables",
  none: "No table matches.",
  schema: (name: string) => `${name} schema`,
  open: (name: string) => `Tables of ${name}`,
  count: (tables: number) => s(tables, "table"),
  rows: (rows: number) => s(rows, "row"),
  partitions: "with its partitions",
  unnameable: "its name has characters that no pattern can hold",
  more: (count: number) => `Show ${n(count)} more`,
  first: (tables: number) => `Only the first ${s(tables, "table")} by name are listed. Name others by pattern.`,
  patterns: "Patterns",
  patternsHint: "One on each line, as pg_dump reads them: sales.*, *.log_*, \"Mixed Case\".",
  needed: "With what they need elsewhere",
  neededHint: "Types, functions and tables of foreign keys outside of what is chosen.",
  wrong: {
    nothing: "Choose a schema or a table, or name one by pattern.",
    tooMany: "Too many names: at most 500, and 4 KB together. Choose whole schemas, or name tables by a pattern such as sales.*.",
    pattern: "A pattern is at most 300 bytes long, and closes its quotes.",
  },
  said: {
    some: (chosen: number, all: number, bytes: string) => `${n(chosen)} of ${s(all, "table")}, about ${bytes} before compression.`,
    rows: (chosen: number, all: number, bytes: string) => `The rows of ${n(chosen)} of ${s(all, "table")}, about ${bytes} before compression; the schema of all.`,
    patterns: (count: number) => `Also what ${s(count, "pattern")} ${count === 1 ? "matches" : "match"}, which the server knows.`,
    without: (count: number) => `Without what ${s(count, "pattern")} ${count === 1 ? "matches" : "match"}, which the server knows.`,
    only: (count: number) => `What ${s(count, "pattern")} ${count === 1 ? "matches" : "match"}, which the server knows.`,
    families: (tables: number) => `The partitions of ${s(tables, "table")} go with ${tables === 1 ? "it" : "them"}, and are not counted here.`,
    tablesOnly: "Of whole schemas chosen beside tables, only the tables are taken: no functions, no types.",
  },
  what: {
    all: (db: string | undefined) => `Dumps a part of ${db ?? "the configured database"}, schema and data, from one consistent snapshot. The database stays in use.`,
    schema: (db: string | undefined) => `Dumps the schema of a part of ${db ?? "the configured database"}, without rows.`,
    data: (db: string | undefined) => `Dumps rows of a part of ${db ?? "the configured database"} from one consistent snapshot, without the schema.`,
  },
  partial: "A partial backup: it counts apart, and never as a whole backup of its source, which can become overdue beside it.",
  large: "Large objects are not in it.",
};

export type CreateWords = typeof createEn;
