// Fails when what a browser has to load, for all screens, outgrows its budget, in gzipped kilobytes (1024 bytes). Of the
// catalogues a browser loads one: the largest counts.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const budget = { js: 116, css: 10 };
const catalogue = /^(en|pt-BR)-/;
const assets = new URL("../dist/assets/", import.meta.url);
let over = false;
for (const [kind, limit] of Object.entries(budget)) {
  const sizes = readdirSync(assets)
    .filter((name) => name.endsWith(`.${kind}`))
    .map((name) => ({ one: catalogue.test(name), bytes: gzipSync(readFileSync(new URL(name, assets)), { level: 9 }).length }));
  if (sizes.length === 0) throw new Error(`the build made no ${kind} file`);
  const always = sizes.filter((f) => !f.one).reduce((sum, f) => sum + f.bytes, 0);
  const size = (always + Math.max(0, ...sizes.filter((f) => f.one).map((f) => f.bytes))) / 1024;
  console.log(`budget: ${size.toFixed(1)} of ${limit} KB of ${kind}, gzipped`);
  over ||= size > limit;
}
if (over) {
  console.error("budget: too large; make it smaller, or say in the commit why the limit has to grow");
  process.exit(1);
}
