// What is asked for: what stands on the page, as the API takes it and as a command.

import type { Backup } from "../../api/client";
import type { Restore, RestoreMode, RestoreOrder, RestoreTarget, SwitchOrder } from "../../api/restores";
import { quote, tableName } from "../../cli";

export interface Table {
  schema: string;
  name: string;
}

/** What stands on the page. What is undefined was left as it is proposed. */
export interface Draft {
  target?: string | undefined;
  mode?: RestoreMode | undefined;
  /** undefined is all of the backup. */
  tables?: Table[] | undefined;
  /** Whole schemas, beside the tables. */
  schemas: string[];
  /** The tables and schemas are what is left out, and all else is meant. */
  but: boolean;
  /** Tables of the schemas that are left out all the same. */
  without: Table[];
  /** undefined is rows and definitions. */
  content?: "data" | "schema" | undefined;
  database?: string | undefined;
  as?: string | undefined;
  /** How many of the names that were proposed are taken. */
  taken: number;
  withDependencies: boolean;
  globals: boolean;
  noOwner: boolean;
  noPrivileges: boolean;
}

export const blank: Draft = { schemas: [], but: false, without: [], taken: 0, withDependencies: false, globals: false, noOwner: false, noPrivileges: false };

/** mostTables is how many the API takes at a time. */
export const mostTables = 100;

/** How a backup stands where it is to be restored. Only a good one is offered without a word of warning. */
export type Standing = "good" | "partial" | "damaged" | "unverified" | "running" | "ended";

export function standingOf(b: Backup): Standing {
  if (b.status === "in_progress") return "running";
  if (b.status !== "success") return "ended";
  if (!b.verification) return "unverified";
  if (!b.verification.ok) return "damaged";
  return b.whole ? "good" : "partial";
}

/** restorable reports whether the API would take it. */
export const restorable = (b: Backup): boolean => !["damaged", "running", "ended"].includes(standingOf(b));

/** choices are the ways into a database that there are for a draft, the safest first. Rows need tables that are there. */
export function choices(d: Draft): RestoreMode[] {
  if (d.content === "data") return ["part"];
  if (d.tables && !d.but) return ["part", "new"];
  return d.tables || d.content ? ["new", "part"] : ["new", "replace"];
}

/** quoted is a schema's name as a pattern that means no other one. */
const quoted = (schema: string) => tableName({ schema: "", name: schema });

/** filled gives of lists those that hold something. */
const filled = (lists: Record<string, string[]>) => Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0));

/** partOf is which part of the backup is meant; undefined for all of it. */
export function partOf(d: Draft): RestoreOrder["part"] {
  const lists = !d.tables ? {} : filled(d.but
    ? { excludeSchemas: d.schemas.map(quoted), excludeTables: d.tables.map(tableName) }
    : { schemas: d.schemas.map(quoted), tables: d.tables.map(tableName), excludeTables: d.without.map(tableName) });
  const part = {
    ...lists,
    ...(d.tables && !d.but && d.withDependencies && d.content !== "data" ? { withDependencies: true } : {}),
    ...(d.content === "data" ? { dataOnly: true } : d.content === "schema" ? { schemaOnly: true } : {}),
  };
  return Object.keys(part).length ? part : undefined;
}

/** listsOf is what a part chooses and leaves out, in plain names: those of schemas end with a star. */
export function listsOf(p: RestoreOrder["part"]): { chosen: string[]; left: string[] } {
  const names = (schemas: string[] | undefined, tables: string[] | undefined) => [...(schemas ?? []).map((x) => `${plainName(x)}.*`), ...(tables ?? []).map(plainName)];
  return { chosen: names(p?.schemas, p?.tables), left: names(p?.excludeSchemas, p?.excludeTables) };
}

/** modeOf is the way that is meant: the chosen one, or the first that the target allows. */
export function modeOf(d: Draft, target: RestoreTarget | undefined): RestoreMode {
  const all = choices(d);
  if (d.mode && all.includes(d.mode)) return d.mode;
  return all.find((m) => target?.modes.includes(m)) ?? all[0]!;
}

const two = (n: number) => String(n).padStart(2, "0");

/** mark is what a proposed name ends with: the backup's day by the reader's clock, and a number where names with that are taken. */
function mark(b: Backup, taken: number): string {
  const at = new Date(b.createdAt);
  return `_${at.getFullYear()}${two(at.getMonth() + 1)}${two(at.getDate())}${taken ? `_${taken + 1}` : ""}`;
}

const utf8 = new TextEncoder();

/** shortened cuts a name so that it fits with what is put behind it: PostgreSQL takes 63 bytes. */
function shortened(name: string, behind: string): string {
  const letters = [...name];
  while (utf8.encode(letters.join("") + behind).length > 63) letters.pop();
  return letters.join("") + behind;
}

/** proposedDatabase is a name that is likely to be free for a new database, and otherwise that of the backup's. */
export function proposedDatabase(b: Backup, mode: RestoreMode, taken = 0): string {
  if (mode !== "new") return b.database;
  // What the API would refuse in a name is not proposed.
  const plain = b.database.replace(/[^\p{L}\p{Nd}_.$-]/gu, "_").replace(/^[.$-]+/, "");
  return shortened(plain || "database", `_restored${mark(b, taken)}`);
}

/** proposedName is another name for a table, in its own schema. */
export function proposedName(b: Backup, t: Table, taken = 0): string {
  return nameOf({ schema: t.schema, name: shortened(t.name, mark(b, taken)) });
}

/** nameOf is a table's name as SQL takes it, without quotes where it needs none. */
export const nameOf = (t: Table): string => plainName(tableName(t));

/** plainName takes quotes away that a name does not need. */
export const plainName = (name: string): string => (/^(?:"[a-z_][a-z0-9_]*"\.?)+$/.test(name) ? name.replaceAll('"', "") : name);

/** goodDatabase reports whether the API takes the name. */
export function goodDatabase(name: string): boolean {
  return /^[\p{L}\p{Nd}_][\p{L}\p{Nd}_.$-]*$/u.test(name) && utf8.encode(name).length <= 63 && !["postgres", "template0", "template1"].includes(name.toLowerCase());
}

/** parseTables reads names that were typed, one on each line: schema.name, or schema.* for all of it, quoted where they have to be. Lines that are no
    names are wrong. */
export function parseTables(text: string): { tables: Table[]; schemas: string[]; wrong: string[] } {
  const word = `(?:"((?:[^"]|"")+)"|([^".\\s]+))`;
  const line = new RegExp(`^${word}(?:\\.${word})?$`);
  const schema = new RegExp(`^${word}\\.\\*$`);
  const part = (quoted?: string, plain?: string) => quoted?.replaceAll('""', '"') ?? plain?.toLowerCase();
  const tables: Table[] = [];
  const schemas: string[] = [];
  const wrong: string[] = [];
  for (const typed of text.split("\n").map((l) => l.trim()).filter(Boolean)) {
    const all = typed.match(schema);
    if (all) {
      schemas.push(part(all[1], all[2])!);
      continue;
    }
    const m = typed.match(line);
    const [first, second] = m ? [part(m[1], m[2]), part(m[3], m[4])] : [];
    if (first === undefined) wrong.push(typed);
    else tables.push(second === undefined ? { schema: "", name: first } : { schema: first, name: second });
  }
  return { tables, schemas, wrong };
}

/** draftOf is where the page begins: with all of the backup, or with these tables of it, by their names as SQL takes them. */
export function draftOf(names: readonly string[]): Draft {
  const { tables } = parseTables(names.slice(0, mostTables).join("\n"));
  return tables.length ? { ...blank, tables, ...(tables.length > 1 ? { mode: "new" } : {}) } : blank;
}

/** orderOf is what the API is asked for; undefined while something is missing or wrong. */
export function orderOf(b: Backup, d: Draft, target: RestoreTarget | undefined): RestoreOrder | undefined {
  const mode = modeOf(d, target);
  const database = (d.database ?? proposedDatabase(b, mode, d.taken)).trim();
  if (!target?.modes.includes(mode) || !goodDatabase(database)) return undefined;
  if (d.tables && (d.tables.length + d.schemas.length === 0 || [d.tables, d.schemas, d.without].some((list) => list.length > mostTables))) return undefined;
  const part = partOf(d);
  const as = asOf(b, d, mode);
  return {
    backup: b.id,
    target: target.name,
    database,
    mode,
    ...(part ? { part: { ...part, ...(as ? { as } : {}) } } : {}),
    ...(d.globals ? { globals: true } : {}),
    ...(d.noOwner ? { noOwner: true } : {}),
    ...(d.noPrivileges ? { noPrivileges: true } : {}),
  };
}

/** mayRename reports whether what is meant is one table, which may come back under another name. */
export const mayRename = (d: Draft): boolean => d.tables?.length === 1 && d.schemas.length === 0 && !d.but && !d.content;

/** asOf is the name that the one table gets: beside the one that is there, unless it was left empty. */
export function asOf(b: Backup, d: Draft, mode: RestoreMode): string | undefined {
  if (mode !== "part" || !mayRename(d)) return undefined;
  return (d.as ?? proposedName(b, d.tables![0]!, d.taken)).trim() || undefined;
}

/** mostTaken is after how many names that are taken none is proposed any more. */
const mostTaken = 20;

/** another is the change that proposes the next name, where a plan was refused because the proposed one is taken; undefined where a name was typed, or none is proposed. */
export function another(b: Backup, d: Draft, mode: RestoreMode, reasons: (string | undefined)[]): Partial<Draft> | undefined {
  const proposed = mode === "new" ? d.database === undefined : d.as === undefined && asOf(b, d, mode) !== undefined;
  return reasons.includes("already_exists") && proposed && d.taken < mostTaken ? { taken: d.taken + 1 } : undefined;
}

/** orderCommand is the same as a command. Where the target is, only the configuration knows. */
export function orderCommand(o: RestoreOrder): string {
  const words = [`cofre restore ${o.backup} --to "$TARGET_DATABASE_URL"`];
  if (o.mode === "new") words.push("--create");
  if (o.mode === "replace") words.push("--clean");
  for (const [option, list] of [["schema", o.part?.schemas], ["table", o.part?.tables], ["exclude-schema", o.part?.excludeSchemas], ["exclude-table", o.part?.excludeTables]] as const) {
    for (const t of list ?? []) words.push(`--${option} ${quote(plainName(t))}`);
  }
  if (o.part?.dataOnly) words.push("--data-only");
  if (o.part?.schemaOnly) words.push("--schema-only");
  if (o.part?.as) words.push(`--as ${quote(o.part.as)}`);
  if (o.part?.withDependencies) words.push("--with-dependencies");
  if (o.globals) words.push("--globals");
  if (o.noOwner) words.push("--no-owner");
  if (o.noPrivileges) words.push("--no-privileges");
  return words.join(" ");
}

const identifier = (name: string) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);

/** dropCommand removes a database that is half filled. */
export const dropCommand = (database: string) => `DROP DATABASE ${identifier(database)};`;

const url = (database: string) => quote(`postgresql://user@host:5432/${encodeURIComponent(database)}`);

/** switchCommand gives a restored database the name of the one that it is to be. */
export const switchCommand = (restored: string, database: string) => `cofre switch ${quote(restored)} --to ${url(database)} --keep ${quote(shortened(database, "_broken"))}`;

/** placeOf is the database whose place a restored one is to take: that of a whole backup, restored under another name. */
export const placeOf = (x: Restore, b: Backup | undefined): string | undefined => (x.mode === "new" && !x.part && b?.whole && b.database !== x.database ? b.database : undefined);

/** undoOf is the way back of a restore whose database has taken another's place. */
export function undoOf(x: Restore): SwitchOrder | undefined {
  const s = x.switched;
  if (!s) return undefined;
  const of = { target: x.target, restore: x.id };
  return s.kept ? { ...of, from: s.kept, database: s.database, keep: x.database } : { ...of, from: s.database, database: x.database };
}

/** lookCommand lists what a database holds. */
export const lookCommand = (database: string) => `psql ${url(database)} -c '\\dt+'`;

export const analyzeCommand = (database: string) => `psql ${url(database)} -c ANALYZE`;

/** mergeStatements give a table the rows that it lacks out of its copy. */
export const mergeStatements = (table: string, copy: string) => `INSERT INTO ${table} SELECT * FROM ${copy} ON CONFLICT DO NOTHING;\nDROP TABLE ${copy};`;
