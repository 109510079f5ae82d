import { fireEvent, screen, waitFor } from "@testing-library/react";
import { expect, test } from "vitest";
import { createCommand } from "../cli";
import { metrics, problem, serve, show, source } from "../test/world";
import { amountOf, partWrong, patternOf, schemasOf, selectionOf, stateOf, toggleSchema, toggleTable, wholeDatabase, type PartDraft } from "./create/part";
import { blank, CreateBackupForm, newestOf, optionsOf } from "./CreateBackupForm";

const listed = (schema: string, name: string, bytes = 1024, more: object = {}) => ({ schema, name, kind: "table", data: true, rows: 10, bytes, stored: 0, ...more });
const few = [
  listed("public", "orders", 2048), listed("public", "Order Lines"), listed("public", "events", 0, { kind: "partitioned table", data: false, rows: 0 }),
  listed("public", "events_1", 512, { kind: "partition", root: 'public.events' }), listed("public", "events_2", 512, { kind: "partition", root: 'public."events"' }),
  listed("audit", "log", 4096), listed("audit", "bad\u0007", 1),
];
const some: PartDraft = { ...wholeDatabase, mode: "some" };
const of = (name: string) => schemasOf(few).flatMap((s) => s.tables).find((t) => t.name === name)!;

test("tables are put together by schema, partitions with what they belong to", () => {
  expect(schemasOf(few).map((s) => [s.name, s.bytes, s.tables.map((t) => `${patternOf(t)} ${t.bytes} ${t.partitioned}`)])).toEqual([
    ["public", 4096, ["public.orders 2048 false", 'public."Order Lines" 1024 false', "public.events 1024 true"]],
    ["audit", 4097, ["audit.log 4096 false", 'audit."bad\u0007" 1 false']],
  ]);
});

test("what is chosen becomes what pg_dump means by it", () => {
  expect(selectionOf(wholeDatabase)).toBeUndefined();
  const public_ = toggleSchema(some, "public");
  expect(selectionOf(public_)).toEqual({ schemas: ["public"] });
  const without = toggleTable(toggleTable(public_, of("orders")), of("events"));
  expect(selectionOf(without)).toEqual({ schemas: ["public"], excludeTables: ["public.orders"], excludeTablesAndChildren: ["public.events"] });
  // Beside a table pg_dump takes no whole schemas: their tables are named.
  expect(selectionOf(toggleTable(public_, of("log")))).toEqual({ tables: ["public.*", "audit.log"] });
  const tables = [of("Order Lines"), of("events")].reduce(toggleTable, some);
  expect(selectionOf({ ...tables, patterns: " sales.*\n\n", needed: true })).toEqual({ tables: ['public."Order Lines"', "sales.*"], tablesAndChildren: ["public.events"], withDependencies: true });
  expect(selectionOf({ ...tables, mode: "but" })).toEqual({ excludeTables: ['public."Order Lines"'], excludeTablesAndChildren: ["public.events"] });
  expect(selectionOf({ ...toggleSchema(tables, "audit"), mode: "rows" })).toEqual({ excludeTableData: ["audit.*", 'public."Order Lines"'], excludeTableDataAndChildren: ["public.events"] });
  expect(selectionOf({ ...toggleSchema(some, "audit"), mode: "but" })).toEqual({ excludeSchemas: ["audit"] });
});

test("choosing a schema and its tables, and how much that is", () => {
  const schemas = schemasOf(few);
  let d = toggleTable(some, of("orders"));
  expect(stateOf(d, "public")).toBe("some");
  expect(amountOf(d, schemas)).toEqual({ chosen: { tables: 1, bytes: 2048 }, all: { tables: 5, bytes: 8193 } });
  d = toggleSchema(d, "public");
  expect([stateOf(d, "public"), Object.keys(d.tables)]).toEqual(["all", []]);
  d = toggleTable(d, of("orders"));
  expect(stateOf(d, "public")).toBe("some");
  expect(amountOf(d, schemas).chosen).toEqual({ tables: 2, bytes: 2048 });
  d = toggleSchema(d, "public"); // all of it again
  expect(stateOf(d, "public")).toBe("all");
  expect(amountOf({ ...d, mode: "but" }, schemas).chosen).toEqual({ tables: 2, bytes: 4097 });
  d = toggleSchema(d, "public");
  expect(stateOf(d, "public")).toBe("none");
  // What a whole schema leaves out, pg_dump cannot take in again.
  const out = toggleSchema({ ...some, mode: "but" }, "public");
  expect(toggleTable(out, of("orders"))).toBe(out);
});

test("partitions of which nobody knows whose they are come with their table, and are said not to be counted", async () => {
  serve({
    "GET /api/backup/settings": () => settings, "GET /api/metrics/summary": () => metrics(), "GET /api/database/list": () => ({ databases: ["shop"] }),
    "GET /api/backup/contents/:id": ({ query }) => page([listed("public", "events", 0, { kind: "partitioned table", data: false, rows: 0 }), listed("public", "events_1", 512, { kind: "partition" })], query),
  });
  show(<CreateBackupForm onBackupCreated={() => {}} />);
  fireEvent.click(await screen.findByText("Only some"));
  fireEvent.click(box(await screen.findByLabelText("Schemas and tables"), "events with its partitions"));
  expect(screen.getByText(/^1 of 2 tables, .* The partitions of 1 table go with it, and are not counted here\./)).toBeTruthy();
});

test("nothing, too much and half a quote are no choice", () => {
  expect(partWrong(wholeDatabase)).toBeUndefined();
  expect(partWrong(some)).toBe("nothing");
  expect(partWrong({ ...some, patterns: '"x' })).toBe("pattern");
  expect(partWrong({ ...some, patterns: "é".repeat(151) })).toBe("pattern");
  expect(partWrong({ ...some, patterns: Array(501).fill("x").join("\n") })).toBe("tooMany");
  expect(partWrong({ ...some, patterns: Array(14).fill("x".repeat(300)).join("\n") })).toBe("tooMany");
  expect(partWrong({ ...some, patterns: "log_*" })).toBeUndefined();
});

test("the same as a command: children are lines of a filter", () => {
  const part = { ...[of("Order Lines"), of("events")].reduce(toggleTable, some), needed: true };
  expect(createCommand(optionsOf({ ...blank, part }, "shop"))).toBe(`printf '%s\\n' 'include table_and_children public.events' | cofre create --table 'public."Order Lines"' --with-dependencies --filter=-`);
  expect(createCommand({ selection: { schemas: ["a"], excludeTables: ["a.b"], excludeSchemas: ["c"], excludeTableData: ["d.*"] } })).toBe("cofre create --schema a --exclude-schema c --exclude-table a.b --exclude-table-data 'd.*'");
});

test("the names come from the newest whole backup of the same database, and otherwise from nobody", () => {
  const m = metrics({ sources: [source(), source({ source: "new", database: "new", lastWhole: undefined as never })] });
  expect(newestOf(m, "shop", "")).toEqual({ backup: m.sources[0]!.lastWhole });
  expect(newestOf(m, "shop", "other")).toEqual({ missing: "otherDatabase" });
  expect(newestOf(m, "new", "")).toEqual({ missing: "unknown" });
  expect(newestOf(undefined, "shop", "")).toEqual({ missing: "unknown" });
});

// Roles of a long form are slow to look up.
const boxes = (tree: HTMLElement) => [...tree.querySelectorAll<HTMLInputElement>("input[type=checkbox]")];
const box = (tree: HTMLElement, label: string) => boxes(tree).find((b) => b.closest("label")!.textContent === label)!;

const settings = { settings: { maxBackups: 5, retentionDays: 30, defaultDirectory: "" }, limits: { maxConcurrent: 2, allowedDirectories: [], compress: true, encryptBackups: false, database: "shop", source: "shop" } };
const contents = (tables: object[]) => ({ id: "x", at: "2026-11-20T02:00:00Z", totals: { tables: tables.length, rows: 0, bytes: 0, stored: 0 }, matching: tables.length, tables, sequences: 0, definitions: 0, warnings: [] });
const page = (tables: object[], query: URLSearchParams) => ({ ...contents(tables), tables: tables.slice(Number(query.get("offset") ?? 0), Number(query.get("offset") ?? 0) + Number(query.get("limit"))) });

test("a part is chosen in a tree, said before the button, and asked for", async () => {
  const asked = serve({
    "GET /api/backup/settings": () => settings, "GET /api/metrics/summary": () => metrics(), "GET /api/database/list": () => ({ databases: ["shop"] }),
    "GET /api/backup/contents/:id": ({ query }) => page(few, query), "POST /api/backup/create": () => Response.json({ id: "x" }, { status: 202 }),
  });
  show(<CreateBackupForm onBackupCreated={() => {}} />);
  fireEvent.click(await screen.findByText("Only some"));
  const tree = await screen.findByLabelText("Schemas and tables");
  expect(screen.getByText(/^As of the backup of today/)).toBeTruthy();
  const start = screen.getByText<HTMLButtonElement>("Start backup");
  expect(start.disabled).toBe(true);
  expect(screen.getByText("Choose a schema or a table, or name one by pattern.")).toBeTruthy();
  expect(box(tree, "orders")).toBeUndefined(); // closed
  const fold = screen.getByLabelText("Tables of public");
  fireEvent.click(fold);
  expect(fold.getAttribute("aria-expanded")).toBe("true");
  const schema = box(tree, "public schema");
  fireEvent.click(box(tree, "orders"));
  fireEvent.click(box(tree, "events with its partitions"));
  expect([schema.checked, schema.indeterminate]).toEqual([false, true]);
  expect(screen.getByText("2 of 5 tables, about 3.0 kB before compression. Large objects are not in it.")).toBeTruthy();
  expect(screen.getByText(/never as a whole backup of its source/)).toBeTruthy();
  fireEvent.click(screen.getByLabelText("Tables of audit"));
  expect(boxes(tree).find((b) => /no pattern/.test(b.closest("label")!.textContent))!.disabled).toBe(true);
  fireEvent.click(start);
  await waitFor(() => expect(asked.find((a) => a.method === "POST")?.body).toEqual({ options: { selection: { tables: ["public.orders"], tablesAndChildren: ["public.events"] } } }));
});

test("ten thousand tables are a few closed lines, and are shown by the hundred", async () => {
  const many = Array.from({ length: 10_400 }, (_, i) => listed(`s${String(i % 4)}`, `t${String(i).padStart(5, "0")}`));
  const asked = serve({ "GET /api/backup/settings": () => settings, "GET /api/metrics/summary": () => metrics(), "GET /api/database/list": () => ({ databases: ["shop"] }), "GET /api/backup/contents/:id": ({ query }) => page(many, query) });
  show(<CreateBackupForm onBackupCreated={() => {}} />, { language: "pt-BR" });
  fireEvent.click(await screen.findByText("Todas, menos algumas"));
  const tree = await screen.findByLabelText("Schemas e tabelas", undefined, { timeout: 20_000 });
  expect(asked.filter((a) => a.path.includes("/contents/"))).toHaveLength(10);
  expect(screen.getByText(/Só as primeiras 10.000 tabelas/)).toBeTruthy();
  expect(boxes(tree)).toHaveLength(4);
  fireEvent.click(screen.getByLabelText("Tabelas de s1"));
  expect(boxes(tree)).toHaveLength(104);
  fireEvent.click(screen.getByText("Mostrar mais 100"));
  expect(boxes(tree)).toHaveLength(204);
  fireEvent.change(screen.getByLabelText("Buscar tabelas"), { target: { value: "T00042" } });
  expect(boxes(tree)).toHaveLength(2); // the schema, and the table that is found
});

test("where nothing is known, tables are named by pattern", async () => {
  let known = true;
  serve({
    "GET /api/backup/settings": () => settings, "GET /api/metrics/summary": () => metrics({ sources: [source(known ? {} : { lastWhole: undefined as never })] }), "GET /api/database/list": () => ({ databases: ["shop"] }),
    "GET /api/backup/contents/:id": () => problem(404, { code: "ValidationError", reason: "contents_missing", detail: "it is from before contents were kept" }),
  });
  const first = show(<CreateBackupForm onBackupCreated={() => {}} />);
  fireEvent.click(await screen.findByText("All, but some without their rows"));
  expect(await screen.findByText(/contents of its last backup are not known/, undefined, { timeout: 20_000 })).toBeTruthy();
  fireEvent.change(screen.getByLabelText("Patterns"), { target: { value: "*.log_*" } });
  expect(screen.getByText("Without what 1 pattern matches, which the server knows.")).toBeTruthy();
  expect(screen.getByText("cofre create --exclude-table-data '*.log_*'")).toBeTruthy();
  first.unmount();
  known = false;
  show(<CreateBackupForm onBackupCreated={() => {}} />);
  fireEvent.click(await screen.findByText("Only some"));
  expect(await screen.findByText(/No whole backup of it is known yet/)).toBeTruthy();
});

test("where there is nothing to back up, the first source comes before a backup", async () => {
  const asked = serve({
    "GET /api/backup/settings": () => ({ ...settings, limits: { ...settings.limits, source: undefined, database: undefined } }), "GET /api/metrics/summary": () => metrics({ sources: [] }),
  });
  show(<CreateBackupForm onBackupCreated={() => {}} />);
  expect((await screen.findByRole("link", { name: "Add a source" })).getAttribute("href")).toBe("#/settings/sources/create");
  expect(screen.queryByRole("button", { name: "Start backup" })).toBeNull();
  expect(asked.some((a) => a.path === "/api/database/list")).toBe(false);
});

test("of several sources one is asked for, unless one is meant by itself", async () => {
  let standard: string | undefined;
  const asked = serve({
    "GET /api/backup/settings": () => ({ ...settings, limits: { ...settings.limits, source: standard, database: standard } }), "GET /api/database/list": () => ({ databases: ["shop"] }),
    "GET /api/metrics/summary": () => metrics({ sources: [source({ configured: true }), source({ source: "books", configured: true })] }),
    "POST /api/backup/create": () => Response.json({ id: "x" }, { status: 202 }),
  });
  const first = show(<CreateBackupForm onBackupCreated={() => {}} />);
  const choice = await screen.findByLabelText<HTMLSelectElement>("Source");
  const start = screen.getByText<HTMLButtonElement>("Start backup");
  expect([choice.selectedOptions[0]!.textContent, start.disabled, screen.queryByLabelText("Database"), screen.queryByText("cofre create")]).toEqual(["Choose a source", true, null, null]);
  fireEvent.change(choice, { target: { value: "books" } });
  expect([[...choice.options].map((o) => o.value), start.disabled]).toEqual([["shop", "books"], false]);
  fireEvent.click(start);
  await waitFor(() => expect(asked.find((a) => a.method === "POST")?.body).toEqual({ options: { source: "books" } }));
  first.unmount();
  standard = "shop";
  show(<CreateBackupForm onBackupCreated={() => {}} />);
  expect((await screen.findByLabelText<HTMLSelectElement>("Source")).selectedOptions[0]!.textContent).toBe("shop (default)");
  expect(screen.getByText<HTMLButtonElement>("Start backup").disabled).toBe(false);
});
