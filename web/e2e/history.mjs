// Thirty days of history for a backup directory, made from one real backup of it: what nobody can wait for. The
// index is removed, so that cofre makes it anew from these records.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** ulid gives the id of a time, and of a number instead of randomness. */
export function ulid(time, number) {
  let head = "";
  for (let i = 9; i >= 0; i--) {
    head = alphabet[time % 32] + head;
    time = Math.floor(time / 32);
  }
  return head + number.toString(10).padStart(16, "0");
}

export const stamp = (time) => new Date(time).toISOString().slice(0, 19).replace("T", "_").replaceAll(":", "-");

/** makeHistory writes records of the last `days` days at 02:00 UTC: one a day, one day that failed, one without any, one far too
 * large and one far too slow; and one of another source, forty days old. It gives how many it wrote. */
export function makeHistory(directory, now, days = 30) {
  const manifests = readdirSync(join(directory, "manifests")).map((f) => JSON.parse(readFileSync(join(directory, "manifests", f), "utf8")));
  const real = manifests.find((m) => m.backup.status === "success" && m.backup.content === "all" && m.backup.trigger !== "schedule");
  const midnight = Math.floor(now / 86_400_000) * 86_400_000;
  let number = 0;
  for (let ago = days - 3; ago >= 1; ago--) {
    if (ago === 9) continue;
    const time = midnight - ago * 86_400_000 + 2 * 3_600_000 + (ago % 4) * 1_000;
    const failed = ago === 17;
    const id = ulid(time, ++number);
    const filename = `backup_${stamp(time)}.dump`;
    const filepath = `files/nightly/${filename}`;
    const grown = Math.round(real.backup.size * (40 + (days - ago) * 0.6 + ((ago * 7) % 5)) * (ago === 12 ? 2.4 : 1));
    const backup = {
      ...real.backup, id, filename, filepath,
      createdAt: new Date(time).toISOString(),
      createdBy: "scheduler", trigger: "schedule",
      size: failed ? 0 : grown,
      duration: failed ? 31_000 : Math.round((38_000 + ((ago * 13) % 7) * 900) * (ago === 5 ? 3.1 : 1)),
      labels: undefined,
      verifications: undefined,
      contents: undefined, // what it contains was not copied with it
      verification: { ok: true, level: ago % 7 === 0 ? "full" : "stream", at: new Date(time + 90_000).toISOString() },
    };
    if (failed) {
      Object.assign(backup, {
        status: "failed", checksum: "", stored: undefined, verification: undefined,
        error: {
          code: "DatabaseConnectionError", reason: "port_refused", attempts: 3,
          message: "connect to db.internal port 5432: connection refused (3 attempts)",
          hint: "Check that PostgreSQL runs on that host and listens on that port.",
        },
      });
    } else {
      const file = join(directory, filepath);
      mkdirSync(dirname(file), { recursive: true });
      copyFileSync(join(directory, real.backup.filepath), file);
    }
    writeFileSync(join(directory, "manifests", `${id}.json`), JSON.stringify({ version: 1, backup }));
  }
  // Another source, which nobody backs up any more.
  const time = midnight - 40 * 86_400_000;
  const id = ulid(time, ++number);
  const filepath = `files/nightly/financeiro.dump`;
  copyFileSync(join(directory, real.backup.filepath), join(directory, filepath));
  writeFileSync(join(directory, "manifests", `${id}.json`), JSON.stringify({ version: 1, backup: {
    ...real.backup, id, source: "financeiro", database: "financeiro", filename: "financeiro.dump", filepath, createdAt: new Date(time).toISOString(),
    trigger: "schedule", labels: undefined, verification: { ok: true, level: "stream", at: new Date(time + 90_000).toISOString() }, verifications: undefined,
  } }));
  rmSync(join(directory, "registry.json"), { force: true });
  return number;
}

if (process.argv[1] === new URL(import.meta.url).pathname) console.log(makeHistory(process.argv[2], Date.now()), "records written");
