// Which part of a database a backup is to hold: what is chosen in the form, as the API takes it, and how much that is.

import type { Options } from "../../api/client";
import { tableName } from "../../names";

/** Table is one of the newest backup, with its partitions where it has them. */
export interface Table {
  schema: string;
  name: string;
  /** With its partitions: those that a backup keeps under the table itself are counted with it. */
  partitioned: boolean;
  rows: number;
  bytes: number;
}

export interface Schema {
  name: string;
  tables: Table[];
  bytes: number;
}

export interface PartDraft {
  /** everything, only what is chosen, all but that, or all but the rows of that */
  mode: "all" | "some" | "but" | "rows";
  /** Whole schemas. */
  schemas: string[];
  /** By tableName. */
  tables: Record<string, Table>;
  /** Tables of schemas that are chosen, which are left out all the same. */
  without: Record<string, Table>;
  /** One on each line, as pg_dump reads them. */
  patterns: string;
  /** With what the chosen ones need elsewhere. */
  needed: boolean;
}

export const wholeDatabase: PartDraft = { mode: "all", schemas: [], tables: {}, without: {}, patterns: "", needed: false };

interface Listed {
  schema: string;
  name: string;
  kind: string;
  rows: number;
  bytes: number;
  root?: string;
}

/** schemasOf puts the tables of a backup together by schema. What is loaded through a partitioned table is counted with it. */
export function schemasOf(listed: readonly Listed[]): Schema[] {
  const tables = new Map<string, Table>();
  for (const { schema, name, kind, rows, bytes } of listed) tables.set(tableName({ schema, name }), { schema, name, partitioned: kind === "partitioned table", rows, bytes });
  for (const { schema, name, root, rows, bytes } of listed) {
    const into = root === undefined ? undefined : tables.get(quoted(root));
    const own = tableName({ schema, name });
    if (!into || into === tables.get(own)) continue;
    into.partitioned = true;
    into.rows += rows;
    into.bytes += bytes;
    tables.delete(own);
  }
  const schemas = new Map<string, Schema>();
  for (const t of tables.values()) {
    const of = schemas.get(t.schema) ?? { name: t.schema, tables: [], bytes: 0 };
    of.tables.push(t);
    of.bytes += t.bytes;
    schemas.set(t.schema, of);
  }
  return [...schemas.values()];
}

/** quoted gives a name as SQL says it, with the quotes that it could do without. */
const quoted = (name: string) => name.replace(/"(?:[^"]|"")*"|[^".]+/g, (part) => (part.startsWith('"') ? part : `"${part}"`));

/** plain takes quotes away that a pattern does not need. */
const plain = (pattern: string) => pattern.replace(/"([a-z_][a-z0-9_]*)"(?=\.|$)/g, "$1");

/** patternOf means a table, and no other one. */
export const patternOf = (t: { schema: string; name: string }): string => plain(tableName(t));

/** nameable reports whether a pattern can name it: the API takes no characters that cannot be seen. */
export const nameable = (t: { schema: string; name: string }): boolean => !/[\x00-\x1f\x7f-\x9f]/.test(t.schema + t.name);

export const patternLines = (text: string): string[] => text.split("\n").map((l) => l.trim()).filter(Boolean);

type Selection = NonNullable<Options["selection"]>;

const filled = (s: Record<string, string[]>): Selection => Object.fromEntries(Object.entries(s).filter(([, list]) => list.length > 0));

/** selectionOf is what the API is asked for; undefined is everything. */
export function selectionOf(d: PartDraft): Selection | undefined {
  if (d.mode === "all") return undefined;
  const schemas = d.schemas.map((s) => plain(tableName({ schema: "", name: s })));
  const tables = Object.values(d.tables);
  const alone = tables.filter((t) => !t.partitioned).map(patternOf);
  const families = tables.filter((t) => t.partitioned).map(patternOf);
  const more = patternLines(d.patterns);
  if (d.mode === "but") return filled({ excludeSchemas: schemas, excludeTables: [...alone, ...more], excludeTablesAndChildren: families });
  if (d.mode === "rows") return filled({ excludeTableData: [...schemas.map((s) => `${s}.*`), ...alone, ...more], excludeTableDataAndChildren: families });
  const without = Object.values(d.without);
  const lists = filled({
    // Beside tables pg_dump takes no whole schemas, but their tables.
    ...(tables.length + more.length === 0 ? { schemas } : { tables: [...schemas.map((s) => `${s}.*`), ...alone, ...more] }),
    tablesAndChildren: families,
    excludeTables: without.filter((t) => !t.partitioned).map(patternOf),
    excludeTablesAndChildren: without.filter((t) => t.partitioned).map(patternOf),
  });
  return d.needed ? { ...lists, withDependencies: true } : lists;
}

/** What the API bounds: patterns of one kind, bytes of one, and bytes of all. */
const most = { patterns: 500, bytes: 300, total: 4096 };

export type PartWrong = "nothing" | "tooMany" | "pattern";

/** partWrong tells what is wrong with a choice; undefined is nothing. */
export function partWrong(d: PartDraft): PartWrong | undefined {
  if (d.mode === "all") return undefined;
  const size = (s: string) => new TextEncoder().encode(s).length;
  if (patternLines(d.patterns).some((p) => size(p) > most.bytes || (p.match(/"/g)?.length ?? 0) % 2 === 1 || /[\x00-\x1f\x7f]/.test(p))) return "pattern";
  const lists = Object.values(selectionOf(d) ?? {}).filter((l): l is string[] => Array.isArray(l));
  if (lists.length === 0) return "nothing";
  return lists.some((l) => l.length > most.patterns) || lists.flat().reduce((n, p) => n + size(p), 0) > most.total ? "tooMany" : undefined;
}

export interface Amount {
  tables: number;
  bytes: number;
}

/** picked reports whether what is chosen names a table; patterns aside. */
export const picked = (d: PartDraft, t: Table): boolean => (d.schemas.includes(t.schema) ? !d.without[tableName(t)] : Boolean(d.tables[tableName(t)]));

/** amountOf is how much of the tables that are known a backup is to hold, the rows of which count, and how much there is. What patterns mean is known to the server alone. */
export function amountOf(d: PartDraft, schemas: readonly Schema[]): { chosen: Amount; all: Amount } {
  const [chosen, all] = [{ tables: 0, bytes: 0 }, { tables: 0, bytes: 0 }];
  const whole = new Set(d.schemas);
  for (const s of schemas) for (const t of s.tables) {
    const key = tableName(t);
    const is = whole.has(t.schema) ? !d.without[key] : Boolean(d.tables[key]);
    all.tables++;
    all.bytes += t.bytes;
    if (d.mode === "all" || is === (d.mode === "some")) {
      chosen.tables++;
      chosen.bytes += t.bytes;
    }
  }
  return { chosen, all };
}

const less = <T>(of: Record<string, T>, drop: (key: string, value: T) => boolean): Record<string, T> => Object.fromEntries(Object.entries(of).filter(([k, v]) => !drop(k, v)));

/** toggleTable chooses a table, or takes it back. Of a schema that is chosen as a whole it is left out, where that can be said. */
export function toggleTable(d: PartDraft, t: Table): PartDraft {
  const key = tableName(t);
  const turned = (of: Record<string, Table>) => (of[key] ? less(of, (k) => k === key) : { ...of, [key]: t });
  if (!d.schemas.includes(t.schema)) return { ...d, tables: turned(d.tables) };
  return d.mode === "some" ? { ...d, without: turned(d.without) } : d;
}

/** toggleSchema chooses all of a schema, or nothing of it. What was said of its tables goes with that. */
export function toggleSchema(d: PartDraft, schema: string): PartDraft {
  const of = (_: string, t: Table) => t.schema === schema;
  const whole = d.schemas.includes(schema) && !Object.values(d.without).some((t) => t.schema === schema);
  return { ...d, schemas: whole ? d.schemas.filter((s) => s !== schema) : [...new Set([...d.schemas, schema])], tables: less(d.tables, of), without: less(d.without, of) };
}

/** stateOf is how much of a schema is chosen. */
export function stateOf(d: PartDraft, schema: string): "all" | "some" | "none" {
  if (d.schemas.includes(schema)) return Object.values(d.without).some((t) => t.schema === schema) ? "some" : "all";
  return Object.values(d.tables).some((t) => t.schema === schema) ? "some" : "none";
}
