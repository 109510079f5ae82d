// The same things as commands, to be copied into a shell.

import { tableName } from "./names";
import type { Backup, Options } from "./api/client";

/** quote makes one word of a POSIX shell. */
export function quote(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** createCommand is "cofre create" for options of the API. */
export function createCommand(o: Options): string {
  const words = ["cofre create"];
  const add = (flag: string, value?: string) => words.push(value === undefined ? flag : `${flag} ${quote(value)}`);
  if (o.database) add("--database", o.database);
  if (o.source) add("--source", o.source);
  if (o.directory) add("-o", o.directory);
  if (o.filename) add("-n", o.filename);
  if (o.includeData === false) add("--schema-only");
  if (o.includeSchema === false) add("--data-only");
  if (o.format) add("--format", o.format);
  if (o.compression) add("--compression", o.compression);
  if (o.jobs) add("--jobs", String(o.jobs));
  if (o.rows) add("--rows", o.rows);
  if (o.encrypt !== undefined) add(o.encrypt ? "--encrypt" : "--encrypt=false");
  const part = o.selection ?? {};
  for (const [flag, patterns] of [["--schema", part.schemas], ["--exclude-schema", part.excludeSchemas], ["--table", part.tables], ["--exclude-table", part.excludeTables], ["--exclude-table-data", part.excludeTableData]] as const) {
    for (const p of patterns ?? []) add(flag, p);
  }
  if (part.withDependencies) add("--with-dependencies");
  for (const [key, value] of Object.entries(o.labels ?? {})) add("--label", `${key}=${value}`);
  // Tables with their children are lines of a filter alone.
  const lines = [
    ...(part.tablesAndChildren ?? []).map((p) => `include table_and_children ${p}`), ...(part.excludeTablesAndChildren ?? []).map((p) => `exclude table_and_children ${p}`),
    ...(part.excludeTableDataAndChildren ?? []).map((p) => `exclude table_data_and_children ${p}`),
  ];
  if (lines.length === 0) return words.join(" ");
  return `printf '%s\\n' ${lines.map(quote).join(" ")} | ${words.join(" ")} --filter=-`;
}

const target = `"$TARGET_DATABASE_URL"`;

/** restoreCommand is how cofre restores a backup. */
export const restoreCommand = (b: Backup) => `cofre restore ${b.id} --to ${target}`;

export { tableName };

/** rowsCommand writes all rows of a table into a file. */
export function rowsCommand(b: Backup, t: { schema: string; name: string }): string {
  const plain = [t.schema, t.name].every((x) => /^[a-z_][a-z0-9_]*$/.test(x));
  return `cofre rows ${b.id} ${quote(plain ? `${t.schema}.${t.name}` : tableName(t))} > ${quote(`${t.name.replace(/[^\p{L}\p{N}_-]/gu, "_")}.csv`)}`;
}

/** stockCommand is how PostgreSQL's own tools restore the downloaded file, with no part of cofre. */
export function stockCommand(b: Backup): string {
  const file = quote(b.filename);
  const decrypt = b.encryption === "age" ? `age -d -i key.txt ${file}` : "";
  if (b.format === "custom") {
    return decrypt ? `${decrypt} | pg_restore -d ${target}` : `pg_restore -d ${target} ${file}`;
  }
  const tool = { gzip: "gzip -dc", zstd: "zstd -dc" }[b.compression.split(":")[0] as "gzip" | "zstd"];
  const psql = `psql -X -v ON_ERROR_STOP=1 -d ${target}`;
  const steps = [decrypt, tool ? (decrypt ? tool : `${tool} ${file}`) : ""].filter(Boolean);
  return steps.length ? [...steps, psql].join(" | ") : `${psql} -f ${file}`;
}

/** checksumCommand compares the downloaded file with the checksum of the record. */
export const checksumCommand = (b: Pick<Backup, "checksum" | "filename">) => `echo ${quote(`${b.checksum}  ${b.filename}`)} | sha256sum -c`;
