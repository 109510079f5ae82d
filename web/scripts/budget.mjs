// Fails when what the browser has to load outgrows its budget, in gzipped kilobytes (1024 bytes).
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const budget = { js: 110, css: 10 };
const assets = new URL("../dist/assets/", import.meta.url);
let over = false;
for (const [kind, limit] of Object.entries(budget)) {
  const files = readdirSync(assets).filter((name) => name.endsWith(`.${kind}`));
  const size = files.reduce((sum, name) => sum + gzipSync(readFileSync(new URL(name, assets)), { level: 9 }).length, 0) / 1024;
  if (files.length === 0) throw new Error(`the build made no ${kind} file`);
  console.log(`budget: ${size.toFixed(1)} of ${limit} KB of ${kind}, gzipped`);
  over ||= size > limit;
}
if (over) {
  console.error("budget: too large; make it smaller, or say in the commit why the limit has to grow");
  process.exit(1);
}
