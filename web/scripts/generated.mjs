// Fails when src/api/schema.d.ts is not what the contract gives: run "npm run generate" in web/.
import { readFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";

const contract = new URL("../../api/openapi.yaml", import.meta.url);
const kept = new URL("../src/api/schema.d.ts", import.meta.url);
const strip = (text) => text.replace(/^\/\*\*[\s\S]*?\*\/\s*/, "").trim();
const made = astToString(await openapiTS(contract, { defaultNonNullable: false }));
if (strip(readFileSync(kept, "utf8")) !== strip(made)) {
  console.error("src/api/schema.d.ts differs from what api/openapi.yaml gives; run: npm run generate");
  process.exit(1);
}
