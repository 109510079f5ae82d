// Fails when what a browser has to load outgrows its budget, in gzipped kilobytes (1024 bytes): for the first screen, which is
// what index.html names and what that imports, and for all screens together. Of the catalogues a browser loads one of each kind, the
// largest counts: en and pt-BR with the first screen, restore.en and restore.pt-BR when those screens are opened.
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const budget = { "js of the first screen": 110, "js of all screens": 220, css: 14 };
const catalogue = /^(?:([a-z]+)\.)?(?:en|pt-BR)-/;
const dist = new URL("../dist/", import.meta.url);
const assets = new URL("assets/", dist);
const index = readFileSync(new URL("index.html", dist), "utf8");
const size = (name) => gzipSync(readFileSync(new URL(name, assets)), { level: 9 }).length;
const sum = (names) => names.reduce((total, name) => total + size(name), 0);

const names = readdirSync(assets);
const scripts = names.filter((name) => name.endsWith(".js"));
const words = {};
for (const name of scripts) {
  const kind = name.match(catalogue);
  if (kind) words[kind[1] ?? ""] = Math.max(words[kind[1] ?? ""] ?? 0, size(name));
}
const screens = scripts.filter((name) => !catalogue.test(name));
const styles = names.filter((name) => name.endsWith(".css"));
// What is imported as a module loads; import("…") is for when a screen is opened.
const first = screens.filter((name) => index.includes(`assets/${name}`));
for (const name of first) {
  for (const [, other] of readFileSync(new URL(name, assets), "utf8").matchAll(/(?:from|import)\s*"\.\/([^"]+\.js)"/g)) {
    if (screens.includes(other) && !first.includes(other)) first.push(other);
  }
}
if (first.length === 0 || styles.length === 0 || !words[""]) throw new Error("the build made no script, style or catalogue");

const all = Object.values(words).reduce((total, bytes) => total + bytes, 0);
const found = { "js of the first screen": sum(first) + words[""], "js of all screens": sum(screens) + all, css: sum(styles) };
let over = false;
for (const [what, bytes] of Object.entries(found)) {
  const kilobytes = bytes / 1024;
  console.log(`budget: ${kilobytes.toFixed(1)} of ${budget[what]} KB of ${what}, gzipped`);
  over ||= kilobytes > budget[what];
}
if (over) {
  console.error("budget: too large; make it smaller, or say in the commit why the limit has to grow");
  process.exit(1);
}
