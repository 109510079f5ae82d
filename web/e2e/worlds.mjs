// Directories of backups in which each something else is the matter, for pictures of it. What is there today is made by cofre itself from real databases; the days before
// are copies of that with other dates. internal/uitest names the program and the databases.
import { execFileSync } from "node:child_process";
import { closeSync, copyFileSync, cpSync, linkSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { stamp, ulid } from "./history.mjs";

const { COFRE_PROGRAM: program, COFRE_ROOT: root, COFRE_CLIENT_BIN: bin } = process.env;
const day = 86_400_000;
const zone = 3 * 3_600_000; // São Paulo is so much behind UTC

/** The longest name that PostgreSQL takes, and twenty others. */
const longest = "armazenamento_de_documentos_fiscais_eletronicos_da_regiao_sul_1";
const others = [longest, "auditoria", "catalogo", "cobranca", "crm", "estoque", "folha_de_pagamento", "frota", "juridico", "logistica", "marketing", "ouvidoria", "patrimonio",
  "portal_do_fornecedor", "recursos_humanos", "suporte", "telemetria", "vendas_online"];

const psql = (url, sql) => execFileSync(join(bin, "psql"), ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql], { encoding: "utf8" }).trim();

const described = {};

/** world makes a place for backups and its cofre.yaml, from another one's backups where one is named. The quota is in gigabytes. */
function world(name, { from, sources = ["loja", "financeiro", "auditoria"], bare = false, quota = 1 } = {}) {
  const place = join(root, name);
  const w = { name, backups: join(place, "backups"), config: join(place, "cofre.yaml"), quota: String(quota) };
  mkdirSync(join(place, "second"), { recursive: true });
  if (from) {
    const files = join(from.backups, "files");
    for (const part of ["backups", "second"]) cpSync(join(root, from.name, part), join(place, part), { recursive: true, filter: (path) => path !== files });
    execFileSync("cp", ["-al", files, w.backups]); // nothing writes into a stored file, and seven times all of them would be gigabytes
  }
  const source = (s, i) => `  - name: ${s}
    connection: {env: ${s === "financeiro" ? "FINANCEIRO_URL" : s === "acervo" ? "ACERVO_URL" : "LOJA_URL"}}
    schedule: ${s === "auditoria" ? "0 4 * * 0" : `${(i % 4) * 10} 2 * * *`}
    zone: America/Sao_Paulo
    proofs: ${others.includes(s) && s !== "auditoria" ? "never" : "weekly"}
    tags: {equipe: ${s === "loja" ? "vendas" : "erp"}}
`;
  writeFileSync(w.config, `sources:\n${sources.map(source).join("")}retention: {keepDaily: 30, keepWeekly: 12, keepMonthly: 12}
${bare ? "" : `targets:
  - {name: homologação, connection: {env: STAGING_URL}, allow: [new, part, replace, switch]}
places:
  - {name: filial, directory: ${join(place, "second")}}
channels:
  - {name: plantão, kind: ntfy, where: {env: NTFY_URL}, severity: critical}
`}`);
  described[name] = w;
  return w;
}

/** cofre runs a command in a world. Some are to fail. */
function cofre(w, args, fails = false) {
  const env = { ...process.env, BACKUP_DIRECTORY: w.backups, BACKUP_CONFIG: w.config };
  try {
    execFileSync(program, args, { env, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  } catch (err) {
    if (!fails) throw new Error(`cofre ${args.join(" ")}: ${err.stdout}${err.stderr}`);
  }
}

const records = (w) => readdirSync(join(w.backups, "manifests")).filter((f) => f.endsWith(".json")).map((f) => JSON.parse(readFileSync(join(w.backups, "manifests", f), "utf8")));

let number = 0;

/** past writes the scheduled backups of a source until now, so that the server has none to catch up with: copies of a real backup, a little smaller each. `one` changes what it wants to of a day's. */
function past(w, real, source, { days = 30, weekday, minute = 0, one = () => ({}) } = {}) {
  const midnight = Math.floor((Date.now() - zone) / day) * day + zone;
  for (let ago = days; ago >= 0; ago--) {
    const time = midnight - ago * day + (weekday === undefined ? 2 : 4) * 3_600_000 + minute * 60_000;
    if (time > Date.now()) continue;
    if (weekday !== undefined && new Date(time - zone).getUTCDay() !== weekday) continue;
    const changed = one(ago);
    if (!changed) continue;
    const id = ulid(time, ++number);
    const filename = `${source}_${stamp(time)}.dump`;
    const filepath = `files/${filename}`;
    mkdirSync(dirname(join(w.backups, filepath)), { recursive: true });
    if (changed.status !== "failed") linkSync(join(w.backups, real.filepath), join(w.backups, filepath)); // as large as a day's, and takes no room
    writeFileSync(join(w.backups, "manifests", `${id}.json`), JSON.stringify({ version: 1, backup: {
      ...real, id, source, filename, filepath, createdAt: new Date(time).toISOString(), createdBy: "scheduler", trigger: "schedule",
      size: Math.round(real.size * (1 - ago * 0.0022 + (((ago * 7) % 5) - 2) * 0.0006)), duration: Math.round(real.duration * (0.95 + ((ago * 13) % 7) * 0.02)),
      labels: undefined, verifications: undefined, contents: undefined, globals: undefined,
      verification: { ok: true, level: ago % 3 === 0 ? "full" : "stream", at: new Date(time + 90_000).toISOString() },
      ...changed,
    } }));
  }
  rmSync(join(w.backups, "registry.json"), { force: true });
}

const refused = { status: "failed", size: 0, duration: 31_000, checksum: "", stored: undefined, verification: undefined, error: {
  code: "DatabaseConnectionError", reason: "port_refused", attempts: 3, message: "connection refused at db-loja.interno:5432",
  hint: "Check that PostgreSQL is running, that the port is right, and that listen_addresses covers this address.",
} };

/** spoil overwrites a part of what is stored. */
function spoil(w, backup) {
  const path = join(w.backups, backup.filepath);
  copyFileSync(path, `${path}.own`); // the other worlds' is the same file
  renameSync(`${path}.own`, path);
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(64, 7), 0, 64, 20_000);
  closeSync(file);
  cofre(w, ["validate", backup.id], true);
}

const create = (w, source, fails) => cofre(w, ["create", "--source", source], fails);
const latest = (w, source) => records(w).map((m) => m.backup).filter((b) => b.source === source).sort((a, b) => (a.id < b.id ? 1 : -1))[0];

const well = world("well");
for (const source of ["loja", "financeiro", "auditoria"]) create(well, source);
const [shop, books, audit] = ["loja", "financeiro", "auditoria"].map((s) => latest(well, s));
past(well, shop, "loja", { one: (ago) => (ago === 12 ? refused : {}) });
past(well, books, "financeiro", { minute: 10 });
past(well, audit, "auditoria", { weekday: 0 });
cofre(well, ["validate", shop.id]);
cofre(well, ["prove", shop.id, books.id, audit.id]);
cofre(well, ["create", "--source", "loja", "--schema-only", "--name", "antes-da-migracao-4.2", "--label", "motivo=migracao"]);
cofre(well, ["pin", latest(well, "loja").id, "--until", "90d", "--reason", "antes da migração 4.2"]);
cofre(well, ["copy"]);
Object.assign(well, { good: shop.id, pinned: latest(well, "loja").id });

const damaged = world("damaged", { from: well });
spoil(damaged, shop);
damaged.damaged = shop.id;

const many = world("many", { sources: ["loja", "financeiro", ...others], quota: 8 });
create(many, "loja");
create(many, "financeiro");
others.forEach((source, i) => past(many, latest(many, "loja"), source, { minute: ((i + 2) % 4) * 10, one: (ago) => (i === 4 && ago < 3 ? refused : i === 9 && ago < 4 ? undefined : {}) }));

world("running", { from: well, sources: ["loja", "financeiro", "auditoria", "acervo"] }).good = shop.id;
world("empty", { sources: ["loja"], bare: true });
mkdirSync(join(root, "empty", "backups"), { recursive: true });

psql(process.env.LOJA_URL, "DELETE FROM pedidos WHERE id > 14723; CREATE TABLE devolucoes AS SELECT i AS id FROM generate_series(1, 120) AS i; DROP TABLE cupons");
const rows = world("rows", { from: well });
create(rows, "loja");
Object.assign(rows, { good: shop.id, lost: latest(rows, "loja").id });

psql(process.env.FINANCEIRO_URL, "CREATE SCHEMA gone; CREATE TABLE gone.t (); DELETE FROM pg_namespace WHERE nspname = 'gone'");
const failed = world("failed", { from: well });
create(failed, "financeiro", true);
create(failed, "financeiro", true);
failed.failed = latest(failed, "financeiro").id;
cofre(failed, ["copy"]);

writeFileSync(join(root, "worlds.json"), JSON.stringify(described));
console.log(Object.keys(described).join(", "));
