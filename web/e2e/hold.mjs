// What goes on is held for as long as it is looked at.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** hold keeps a backup or a restore from going on, by a lock on a table that it still needs. It gives what lets it go. */
export async function hold(url, table, mode = "ACCESS EXCLUSIVE") {
  const lock = spawn(join(process.env.COFRE_CLIENT_BIN, "psql"), ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", `BEGIN; LOCK TABLE ${table} IN ${mode} MODE`, "-c", "SELECT 'held'", "-c", "SELECT pg_sleep(600)"], { stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(lock, "exit");
  const [held] = await Promise.race([once(lock.stdout, "data"), ended]);
  if (!String(held).includes("held")) throw new Error(`${table} is not held`);
  return async () => {
    lock.kill("SIGINT"); // the statement is canceled, and its session ends
    await ended;
  };
}
