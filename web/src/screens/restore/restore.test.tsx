import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import type { Backup } from "../../api/client";
import type { RestoreOrder, RestoreTarget, SwitchOrder, SwitchReport } from "../../api/restores";
import { backup, metrics, plan, problem, restore, serve, show, source, type Asked } from "../../test/world";
import { blank, goodDatabase, mergeStatements, modeOf, orderCommand, orderOf, parseTables, plainName, proposedDatabase, proposedName, switchCommand, type Draft } from "./order";
import { RestoreScreen } from "./RestoreScreen";

const staging: RestoreTarget = { name: "staging", modes: ["new", "part", "replace"] };
const production: RestoreTarget = { name: "production", modes: ["new"] };

beforeEach(() => history.replaceState(null, "", "/#/restore"));

/** world answers for one source with these backups. */
const world = (backups: Backup[], targets: RestoreTarget[] = [staging, production]) => ({
  "GET /api/restore/targets": () => ({ targets }),
  "GET /api/backup/list": () => ({ backups, total: backups.length }),
  "GET /api/backup/:id": (a: Asked) => backups.find((b) => a.path.endsWith(b.id)) ?? problem(404, { code: "ValidationError", reason: "not_found", detail: "none" }),
  "POST /api/restore/plan": (a: Asked) => plan(a.body as RestoreOrder),
});

/** open shows the page of a backup. */
function open(b: Backup, options: Parameters<typeof show>[1] = {}) {
  history.replaceState(null, "", `/#/restore?backup=${b.id}`);
  return show(<RestoreScreen id={undefined} />, options);
}

const plans = (asked: Asked[]) => asked.filter((a) => a.path === "/api/restore/plan").map((a) => a.body);

test.each([
  ["en", "Restore into shop_restored_20261119", "Nothing is in the way", "tables: 12 · indexes: 3"],
  ["pt-BR", "Restaurar em shop_restored_20261119", "Nada no caminho", "tabelas: 12 · índices: 3"],
] as const)("a whole backup goes into a new database: the plan first, then the button, and its own page (%s)", async (language, go, clear, makes) => {
  const b = backup({ createdAt: "2026-11-20T02:00:00Z" }); // the day before, by the reader's clock
  let answer: (r: object) => void = () => {};
  const asked = serve({ ...world([b]), "POST /api/restore/plan": (a) => new Promise((resolve) => (answer = () => resolve(plan(a.body as RestoreOrder)))), "POST /api/restore/create": () => Response.json(restore({ state: "reserved" }), { status: 202 }) });
  open(b, { language });
  // Without a plan there is no way on.
  const button = await screen.findByRole<HTMLButtonElement>("button", { name: go });
  expect([button.disabled, button.className]).toEqual([true, "primary"]);
  await waitFor(() => expect(plans(asked)).toEqual([{ backup: b.id, target: "staging", database: "shop_restored_20261119", mode: "new" }]));
  answer({});
  expect(await screen.findByText(clear)).toBeTruthy();
  expect(screen.getByText(makes)).toBeTruthy();
  expect(button.disabled).toBe(false);
  await userEvent.click(button);
  await waitFor(() => expect(location.hash).toBe("#/restore/01JZ8R7S3E5T0RE6K2W1X0N5BC"));
  const create = asked.find((a) => a.path === "/api/restore/create")!;
  expect(create.body).toEqual({ backup: b.id, target: "staging", database: "shop_restored_20261119", mode: "new" });
  expect(create.headers.get("Idempotency-Key")).toMatch(/^[0-9a-f-]{36}$/);
});

test("sent again after a lost answer it is the same restore", async () => {
  const b = backup();
  const asked = serve({ ...world([b]), "POST /api/restore/create": () => Promise.reject(new TypeError("network")) });
  open(b);
  const button = await screen.findByRole<HTMLButtonElement>("button", { name: /^Restore into/ });
  await waitFor(() => expect(button.disabled).toBe(false));
  await userEvent.click(button);
  await userEvent.click(await screen.findByRole("button", { name: "Try again" }));
  const keys = () => asked.filter((a) => a.path === "/api/restore/create").map((a) => a.headers.get("Idempotency-Key"));
  await waitFor(() => expect(keys()).toHaveLength(2));
  expect(new Set(keys()).size).toBe(1);
});

test("what is in the way is said, and the button stays shut; missing roles have two ways out", async () => {
  const b = backup({ globals: { kept: true, passwords: false } });
  const lacks = { code: "ValidationError" as const, reason: "target_lacks", message: "the target server does not have the roles app", hint: "Create them." };
  const asked = serve({ ...world([b]), "POST /api/restore/plan": (a) => {
    const order = a.body as RestoreOrder;
    return order.globals ? plan(order, { globals: { roles: ["app"], memberships: 0, settings: 0, there: 2 } }) : plan(order, { ready: false, problems: [lacks] });
  } });
  open(b);
  expect(await screen.findByText("1 thing is in the way")).toBeTruthy();
  expect(screen.getByText("The target lacks something that the backup needs")).toBeTruthy();
  expect(screen.getByText(lacks.message).lang).toBe("en");
  expect(screen.getByRole<HTMLButtonElement>("button", { name: /^Restore into/ }).disabled).toBe(true);
  expect(screen.getByRole("button", { name: "Restore without owners and grants" })).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Create the missing roles first" }));
  expect(await screen.findByText("Creates the roles app.")).toBeTruthy();
  expect(plans(asked).at(-1)).toMatchObject({ globals: true });
  await waitFor(() => expect(screen.getByRole<HTMLButtonElement>("button", { name: /^Restore into/ }).disabled).toBe(false));
  expect(screen.getByText(`cofre restore ${b.id} --to "$TARGET_DATABASE_URL" --create --globals`)).toBeTruthy();
});

test("a plan that cannot be made says why and what to do, and can be asked for again", async () => {
  const b = backup();
  let down = true;
  serve({ ...world([b]), "POST /api/restore/plan": (a) => (down ? problem(503, { code: "DatabaseConnectionError", reason: "port_refused", detail: "connection refused at db:5432", hint: "Start it." }) : plan(a.body as RestoreOrder)) });
  open(b, { language: "pt-BR" });
  expect(await screen.findByText("Não foi possível fazer o plano. Nada foi alterado.")).toBeTruthy();
  expect(screen.getByRole("alert").textContent).toContain("Start it.");
  down = false;
  await userEvent.click(screen.getByRole("button", { name: "Tentar de novo" }));
  expect(await screen.findByText("Nada no caminho")).toBeTruthy();
});

test("what is replaced has to be typed, and is not green", async () => {
  const b = backup();
  const asked = serve({ ...world([b]), "POST /api/restore/plan": (a) => plan(a.body as RestoreOrder, { exists: true, content: "3 tables", dropped: ["view public.v"] }), "POST /api/restore/create": () => Response.json(restore(), { status: 202 }) });
  open(b);
  await userEvent.click(await screen.findByRole("radio", { name: /In place of what is there/ }));
  const button = await screen.findByRole<HTMLButtonElement>("button", { name: "Drop and restore" });
  expect(await screen.findByText("It holds 3 tables.")).toBeTruthy();
  expect(screen.getByText("view public.v")).toBeTruthy();
  expect([button.disabled, button.className]).toEqual([true, "danger"]);
  await userEvent.type(screen.getByRole("textbox", { name: "Type shop" }), "shoP");
  expect(button.disabled).toBe(true);
  await userEvent.type(screen.getByRole("textbox", { name: "Type shop" }), "{Backspace}p{Enter}");
  await waitFor(() => expect(asked.find((a) => a.path === "/api/restore/create")?.body).toEqual({ backup: b.id, target: "staging", database: "shop", mode: "replace", confirm: "shop" }));
});

const contents = { known: true, readable: true, tables: 2, rows: 1080 };
const table = (name: string, rows = 10) => ({ schema: "public", name, kind: "table", data: true, rows, bytes: rows, stored: rows });
const tables = (of: object[]) => ({ id: "x", at: "2026-11-29T02:00:00Z", totals: { tables: 2, rows: 1080, bytes: 4000, stored: 900 }, matching: of.length, tables: of, sequences: 0, definitions: 0, warnings: [] });

test("one table comes back beside the one that is there, under another name; two under their own", async () => {
  const b = backup({ contents });
  const asked = serve({ ...world([b]), "GET /api/backup/contents/:id": (a) => tables(a.query.get("search") ? [table("Items")] : [table("orders"), table("Items")]), "POST /api/restore/create": () => Response.json(restore(), { status: 202 }) });
  open(b);
  await userEvent.click(await screen.findByRole("radio", { name: /Some tables/ }));
  expect(screen.getByText("Choose the tables and where they go, and the plan is shown here.")).toBeTruthy();
  await userEvent.click(await screen.findByRole("checkbox", { name: "public.orders" }));
  expect(screen.getByRole<HTMLInputElement>("textbox", { name: "Under another name" }).value).toBe("public.orders_20261119");
  const part = { tables: ['"public"."orders"'], as: "public.orders_20261119" };
  await waitFor(() => expect(plans(asked).at(-1)).toEqual({ backup: b.id, target: "staging", database: "shop", mode: "part", part }));
  expect(screen.getByText(`cofre restore ${b.id} --to "$TARGET_DATABASE_URL" --table public.orders --as public.orders_20261119`)).toBeTruthy();
  // Empty is its own name.
  await userEvent.clear(screen.getByRole("textbox", { name: "Under another name" }));
  await waitFor(() => expect((plans(asked).at(-1) as RestoreOrder).part).toEqual({ tables: ['"public"."orders"'] }));
  await userEvent.type(screen.getByRole("searchbox", { name: "Search tables" }), "It");
  await waitFor(() => expect(screen.queryByRole("checkbox", { name: "public.orders" })).toBeNull());
  await userEvent.click(screen.getByRole("checkbox", { name: '"public"."Items"' }));
  await userEvent.click(screen.getByRole("checkbox", { name: "Also what they need and the database lacks" }));
  expect(screen.getByText("2 tables chosen")).toBeTruthy();
  expect(screen.queryByRole("textbox", { name: "Under another name" })).toBeNull();
  await waitFor(() => expect(plans(asked).at(-1)).toMatchObject({ mode: "part", part: { tables: ['"public"."orders"', '"public"."Items"'], withDependencies: true } }));
  await userEvent.click(screen.getByRole("button", { name: "Leave out public.orders" }));
  expect(screen.getByText("1 table chosen")).toBeTruthy();
});

const taken = { code: "ValidationError", reason: "already_exists", detail: "there is already something of that name" } as const;

test.each([
  ["a table", "Under another name", "public.orders_20261119", (o: RestoreOrder) => o.part?.as, () => problem(409, taken)],
  ["a database", "Name of the new database", "shop_restored_20261119", (o: RestoreOrder) => o.database, (o: RestoreOrder) => plan(o, { ready: false, problems: [{ code: "ValidationError", reason: taken.reason, message: taken.detail }] })],
] as const)("where the name that is proposed for %s is taken, the next one is; one that was typed stays, and is said to be taken", async (what, label, name, of, refuse) => {
  const b = backup({ contents, createdAt: "2026-11-19T22:00:00-03:00" });
  const there = new Set<string | undefined>([name, `${name}_2`]);
  const asked = serve({ ...world([b]), "GET /api/backup/contents/:id": () => tables([table("orders")]), "POST /api/restore/plan": (a) => (there.has(of(a.body as RestoreOrder)) ? refuse : plan)(a.body as RestoreOrder) });
  open(b);
  if (what === "a table") {
    await userEvent.click(await screen.findByRole("radio", { name: /Some tables/ }));
    await userEvent.click(await screen.findByRole("checkbox", { name: "public.orders" }));
  }
  const field = () => screen.getByRole<HTMLInputElement>("textbox", { name: label });
  await waitFor(() => expect(field().value).toBe(`${name}_3`), { timeout: 8_000 });
  expect(await screen.findByText("Nothing is in the way", {}, { timeout: 4_000 })).toBeTruthy();
  expect((plans(asked) as RestoreOrder[]).map(of).slice(-3)).toEqual([name, `${name}_2`, `${name}_3`]);
  await userEvent.clear(field());
  await userEvent.type(field(), name);
  expect(await screen.findByText("there is already something of that name", {}, { timeout: 4_000 })).toBeTruthy();
  expect(field().value).toBe(name);
});

test.each([
  ["en", "Some tables or schemas", "All of schema app", "All but some", "Only schema", "Only rows", "1 schema chosen", "1 schema, 1 table left out", "without app.log: take it along after all"],
  ["pt-BR", "Algumas tabelas ou schemas", "Todo o schema app", "Tudo menos alguns", "Só estrutura", "Só linhas", "1 schema escolhido", "1 schema de fora, 1 tabela de fora", "sem app.log: incluir de novo"],
] as const)("schemas, exclusions, rows alone and definitions alone (%s)", async (language, some, app, but, definitions, rows, chosen, left, back) => {
  const b = backup({ contents });
  const asked = serve({ ...world([b]), "GET /api/backup/contents/:id": () => tables([{ ...table("log", 30), schema: "app" }, { ...table("t", 12), schema: "app" }, table("orders")]) });
  open(b, { language });
  const part = () => (plans(asked).at(-1) as RestoreOrder | undefined)?.part;
  const radio = (name: string) => screen.getByRole<HTMLInputElement>("radio", { name: new RegExp(`^${name}`) });
  await screen.findByRole("radio", { name: new RegExp(`^${some}`) });
  await userEvent.click(radio(some));
  // A schema with all that is in it, but for a table; its rows and bytes are those of its tables.
  const schema = await screen.findByRole("checkbox", { name: app });
  expect(schema.closest("li")!.textContent).toContain("42");
  await userEvent.click(schema);
  expect(screen.getByText(chosen)).toBeTruthy();
  await userEvent.click(screen.getByRole("checkbox", { name: "app.log" }));
  await waitFor(() => expect(part()).toEqual({ schemas: ['"app"'], excludeTables: ['"app"."log"'] }));
  expect(screen.queryByRole("textbox", { name: /another name|outro nome/ })).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: back }));
  await userEvent.click(radio(definitions));
  await waitFor(() => expect(part()).toEqual({ schemas: ['"app"'], schemaOnly: true }));
  // Rows go where tables are: a new database has none.
  await userEvent.click(radio(rows));
  await waitFor(() => expect(plans(asked).at(-1)).toEqual({ backup: b.id, target: "staging", database: "shop", mode: "part", part: { schemas: ['"app"'], dataOnly: true } }));
  await userEvent.click(radio(but));
  await userEvent.click(await screen.findByRole("checkbox", { name: app }));
  await userEvent.click(screen.getByRole("checkbox", { name: "public.orders" }));
  expect(screen.getByText(left)).toBeTruthy();
});

test("parts as the API and the command line take them", () => {
  const b = backup({ id: "01JZ8Q4M9T4Y3V6K2W1X0N9999" });
  const orders = { schema: "public", name: "orders" };
  const of = (change: Partial<Draft>) => orderOf(b, { ...blank, ...change }, staging);
  expect(of({ tables: [orders], schemas: ["App"], but: true })).toMatchObject({ mode: "new", part: { excludeSchemas: ['"App"'], excludeTables: ['"public"."orders"'] } });
  expect(orderCommand(of({ tables: [orders], schemas: ["app"], but: true })!)).toContain("--create --exclude-schema app --exclude-table public.orders");
  expect(orderCommand(of({ tables: [orders], content: "data" })!)).toBe('cofre restore 01JZ8Q4M9T4Y3V6K2W1X0N9999 --to "$TARGET_DATABASE_URL" --table public.orders --data-only');
  expect(of({ content: "schema" })).toMatchObject({ mode: "new", part: { schemaOnly: true } });
  expect(of({ content: "data", mode: "new" })).toMatchObject({ mode: "part", part: { dataOnly: true } });
  expect(of({ tables: [], but: true })).toBeUndefined();
  expect(of({ tables: [], schemas: Array.from({ length: 101 }, (_, i) => `s${i}`) })).toBeUndefined();
  expect(of({ tables: [orders], withDependencies: true, content: "data" })!.part).not.toHaveProperty("withDependencies");
});

test("where the contents are not known, tables are typed; a script is restored as a whole", async () => {
  const b = backup();
  const script = backup({ format: "plain" });
  const asked = serve(world([b, script]));
  open(b);
  await userEvent.click(await screen.findByRole("radio", { name: /Some tables/ }));
  await userEvent.type(screen.getByRole("textbox", { name: "Tables" }), 'public.orders{Enter}app."Big Table"{Enter}log.*');
  await waitFor(() => expect(plans(asked).at(-1)).toMatchObject({ part: { schemas: ['"log"'], tables: ['"public"."orders"', '"app"."Big Table"'] } }));
  act(() => {
    history.replaceState(null, "", `/#/restore?backup=${script.id}`);
    dispatchEvent(new Event("hashchange"));
  });
  expect(await screen.findByText(/only be restored as a whole/)).toBeTruthy();
  await waitFor(() => expect(plans(asked).at(-1)).toEqual({ backup: script.id, target: "staging", database: "shop_restored_20261119", mode: "new" }));
});

test("what a target does not allow cannot be chosen, and says so", async () => {
  const b = backup();
  serve(world([b]));
  open(b);
  const replace = () => screen.getByRole<HTMLInputElement>("radio", { name: /In place of what is there/ });
  await screen.findByRole("combobox", { name: "Target" });
  expect(replace().disabled).toBe(false);
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Target" }), "production");
  expect(replace().disabled).toBe(true);
  expect(screen.getByText("production does not allow this: its allow in cofre.yaml.")).toBeTruthy();
  await userEvent.clear(screen.getByRole("textbox", { name: "Name of the new database" }));
  await userEvent.type(screen.getByRole("textbox", { name: "Name of the new database" }), "template1");
  expect(screen.getByText(/not postgres, template0 or template1/)).toBeTruthy();
  expect(screen.queryByRole("button", { name: /^Restore into/ })).toBeNull();
});

test.each(["en", "pt-BR"] as const)("without a target the lines for one are given (%s)", async (language) => {
  const b = backup();
  const asked = serve(world([b], []));
  open(b, { language });
  expect(await screen.findByText(/targets:\s+- name: staging\s+connection:\s+env: STAGING_URL\s+allow: \[new, replace, part\]/)).toBeTruthy();
  expect(screen.getByText(language === "en" ? /Then restart cofre serve/ : /Depois reinicie o cofre serve/)).toBeTruthy();
  expect(plans(asked)).toEqual([]);
});

test("a damaged one is not restored, and the newest good one is offered; a part is no promise", async () => {
  const damaged = backup({ verification: { ok: false, level: "full", at: "2026-11-21T00:00:00Z" } });
  const shrunken = backup({ shrunk: true, createdAt: "2026-11-19T02:00:00Z" });
  const good = backup({ createdAt: "2026-11-18T02:00:00Z" });
  const part = backup({ whole: false, content: "schema", part: "schema only" });
  const asked = serve(world([damaged, part, shrunken, good]));
  const { unmount } = open(damaged);
  expect(await screen.findByText("This backup is damaged. It is not restored from here.")).toBeTruthy();
  expect((await screen.findByRole("link", { name: /^Take the last good one/ })).getAttribute("href")).toBe(`#/restore?backup=${good.id}`);
  expect(screen.queryByRole("heading", { name: "Where to" })).toBeNull();
  // Nor is it among those to choose from.
  expect(screen.getAllByRole("link", { name: /^Take the backup of/ })).toHaveLength(3);
  expect(plans(asked)).toEqual([]);
  unmount();
  open(part);
  const button = await screen.findByRole<HTMLButtonElement>("button", { name: /^Restore this part into/ });
  await waitFor(() => expect(button.disabled).toBe(false));
  expect(button.className).toBe("");
  expect(document.querySelector(".primary")).toBeNull();
});

test("lost rows are told, with the way to the backup before; another one is chosen by its day, and what was typed stays", async () => {
  const before = backup({ createdAt: "2026-11-18T02:00:00Z", verification: { ok: true, level: "proven", at: "2026-11-18T05:00:00Z" } });
  const b = backup({ contents: { ...contents, lost: 2, compared: before.id, warnings: [{ table: "public.orders", before: 1000, after: 80, percent: 92, dropped: false }] } });
  serve(world([b, before]));
  open(b);
  expect(await screen.findByText("public.orders lost 92% of its rows since the backup before.")).toBeTruthy();
  expect(screen.getByText("1 table lost many rows since the backup before.")).toBeTruthy();
  expect(screen.getByRole("link", { name: "Take the backup before the loss" }).getAttribute("href")).toBe(`#/restore?backup=${before.id}`);
  const [first, second] = await screen.findAllByRole("link", { name: /^Take the backup of/ });
  expect(first!.getAttribute("aria-current")).toBe("true");
  expect(first!.closest("li")!.textContent).toContain("lost rows");
  expect(second!.closest("li")!.textContent).toContain("proven");
  const name = await screen.findByRole("textbox", { name: "Name of the new database" });
  await userEvent.clear(name);
  await userEvent.type(name, "rescue");
  await userEvent.click(second!);
  expect(await screen.findByText(/^shop, Nov 17, 2026/)).toBeTruthy();
  expect(screen.queryByText(/lost 92%/)).toBeNull();
  expect(screen.getByRole<HTMLInputElement>("textbox", { name: "Name of the new database" }).value).toBe("rescue");
});

test("from a source to its last good backup; and the newest restores, with what was left half done", async () => {
  const half = restore({ id: "01JZ8R7S3E5T0RE6K2W1X0N5BD", state: "failed", halfFilled: true, database: "half" });
  serve({ "GET /api/metrics/summary": () => metrics({ sources: [source(), source({ source: "new", lastWhole: undefined as never })] }), "GET /api/restore/list": () => ({ restores: [restore(), half] }) });
  show(<RestoreScreen id={undefined} />);
  expect((await screen.findByRole("link", { name: "Restore shop" })).getAttribute("href")).toBe("#/restore?backup=01JZ8Q4M9T4Y3V6K2W1X0NAAAB");
  expect(screen.getByText("No good backup")).toBeTruthy();
  const link = await screen.findByRole("link", { name: "half on staging" });
  expect(link.getAttribute("href")).toBe("#/restore/01JZ8R7S3E5T0RE6K2W1X0N5BD");
  expect([...link.closest("li")!.querySelectorAll(".badge")].map((x) => [x.textContent, x.className])).toEqual([["Failed", "badge bad"], ["Partly filled", "badge bad"]]);
});

test("who may not restore is told whom to ask, and nothing is asked of the API", async () => {
  const asked = serve({});
  show(<RestoreScreen id={undefined} />, { permissions: ["list"], language: "pt-BR" });
  expect(await screen.findByText(/Seu perfil não permite restaurar\. Peça a um administrador/)).toBeTruthy();
  expect(asked).toEqual([]);
});

const following = (x: object) => Response.json(x, { headers: { "Retry-After": "1" } });

test("a running one is followed to its end, and says what comes next", async () => {
  const b = backup({ database: "Shop" });
  let x = restore({ backup: b.id, state: "reserved", bytesRead: 0 });
  serve({ ...world([b]), "GET /api/restore/status/:id": () => following(x) });
  show(<RestoreScreen id={x.id} />);
  expect((await screen.findAllByText("Waiting for its turn. It begins by itself.")).length).toBeGreaterThan(0);
  expect(screen.getByRole("progressbar").getAttribute("value")).toBeNull();
  x = restore({ backup: b.id, message: "public.orders" });
  const steps = screen.getByRole("list", { name: "Steps" });
  await waitFor(() => expect(within(steps).getByText("Restoring rows").closest("li")!.getAttribute("aria-current")).toBe("step"));
  expect(screen.getByRole("progressbar").getAttribute("value")).toBe("0.25");
  expect(screen.getByText("512 bytes of 2.0 kB")).toBeTruthy();
  expect(screen.getByText("public.orders")).toBeTruthy();
  x = restore({ backup: b.id, state: "succeeded", endedAt: "2026-11-20T12:01:01Z", restored: { duration: 60_000, failed: 2, statements: ["CREATE INDEX i ON t (a);"], warnings: ["an owner lacks"] } });
  expect(await screen.findByText("shop_restored_20261119 is on staging, restored in 1 min.")).toBeTruthy();
  expect(screen.getByText("2 objects could not be restored. The rest is there.").closest(".notice")!.className).toContain("warn");
  expect(await screen.findByText("cofre switch shop_restored_20261119 --to postgresql://user@host:5432/Shop --keep Shop_broken")).toBeTruthy();
  expect(screen.getByText(/staging does not allow the switch-over from here/)).toBeTruthy();
  expect(screen.getByText("CREATE INDEX i ON t (a);")).toBeTruthy();
});

const renamed = (body: SwitchOrder, sessions = 0): SwitchReport => ({
  dryRun: Boolean(body.dryRun), target: body.target, database: body.database, from: body.from, kept: body.keep ?? `${body.database}_before_20261120_120000`, sessions,
  connected: sessions ? [{ database: body.database, role: "till", application: "checkout", address: "10.0.0.9", sessions }] : [],
});

test.each([
  ["en", "Switch over", "Type shop", "3 sessions of both will be ended", "shop is the restored database.", "Undo the switch-over…", "Switch back"],
  ["pt-BR", "Fazer a virada", "Digite shop", "3 sessões dos dois serão encerradas", "shop é o banco restaurado.", "Desfazer a virada…", "Voltar atrás"],
] as const)("a restored database takes the place of the damaged one when its name was typed, and gives it back (%s)", async (language, go, label, ends, done, undo, goBack) => {
  const b = backup();
  const over = { state: "succeeded", backup: b.id, endedAt: "2026-11-20T12:01:01Z", restored: { duration: 60_000 } } as const;
  let x = restore(over);
  let refuses = true;
  const asked = serve({ ...world([b], [{ ...staging, switch: true }]), "GET /api/restore/status/:id": () => x, "POST /api/restore/switch": (a) => {
    const body = a.body as SwitchOrder;
    if (body.dryRun) return refuses ? problem(409, { code: "PermissionError", reason: "missing_privilege", detail: "not the owner", hint: "Switch as its owner." }) : renamed(body, 3);
    x = restore({ ...over, ...(body.from === x.database ? { switched: { database: "shop", kept: body.keep!, by: "ana", at: "2026-11-20T13:00:00Z" } } : {}) });
    return renamed(body, 3);
  } });
  show(<RestoreScreen id={x.id} />, { language });
  // What is in the way is said, and there is nothing to press but to look again.
  expect((await screen.findByRole("alert")).textContent).toContain("Switch as its owner.");
  expect(screen.queryByRole("button", { name: go })).toBeNull();
  refuses = false;
  await userEvent.click(within(screen.getByRole("alert")).getByRole("button"));
  const button = await screen.findByRole<HTMLButtonElement>("button", { name: go });
  expect(button.disabled).toBe(true);
  expect(screen.getByText(new RegExp(ends))).toBeTruthy();
  expect(screen.getByText(/checkout · 10\.0\.0\.9/)).toBeTruthy();
  await userEvent.type(screen.getByRole("textbox", { name: label }), "shop{Enter}");
  expect(await screen.findByText(done)).toBeTruthy();
  const sent = () => asked.map((a) => a.body as SwitchOrder).filter((o) => o && "from" in o && !o.dryRun);
  const forth = { target: "staging", from: x.database, database: "shop", restore: x.id, keep: "shop_before_20261120_120000", confirm: "shop" };
  expect(sent()).toEqual([forth]);
  await userEvent.click(screen.getByRole("button", { name: undo }));
  const back = await screen.findByRole<HTMLButtonElement>("button", { name: goBack });
  await userEvent.type(screen.getByRole("textbox", { name: label }), "shop");
  await userEvent.click(back);
  await waitFor(() => expect(screen.queryByText(done)).toBeNull());
  expect(sent()).toEqual([forth, { ...forth, from: forth.keep, keep: forth.from }]);
});

test("it is canceled after a question, and what is half filled is said aloud, with what to do", async () => {
  let x = restore();
  const asked = serve({ ...world([]), "GET /api/restore/status/:id": () => following(x), "POST /api/restore/cancel/:id": () => {
    x = restore({ state: "canceled", halfFilled: true, error: { code: "CanceledError", reason: "canceled_by_user", message: "canceled by ana", hint: "" }, globalsMade: { roles: ["app"], memberships: 0, settings: 0, there: 0 } });
    return Response.json(x, { status: 202 });
  } });
  show(<RestoreScreen id={x.id} />, { language: "pt-BR" });
  await userEvent.click(await screen.findByRole("button", { name: "Cancelar restauração" }));
  const dialog = screen.getByRole("dialog", { name: "Cancelar esta restauração?" });
  expect(dialog.textContent).toContain("pode ficar parcialmente preenchido");
  expect(asked.some((a) => a.path.includes("cancel"))).toBe(false);
  await userEvent.click(within(dialog).getByRole("button", { name: "Cancelar restauração" }));
  const said = await screen.findByRole("alert");
  expect(said.textContent).toContain("O banco shop_restored_20261119 em staging pode estar parcialmente preenchido");
  expect(said.textContent).toContain("DROP DATABASE shop_restored_20261119;");
  expect(said.textContent).toContain("As roles e os tablespaces criados permanecem: app.");
  expect(screen.getByText("Cancelada por um usuário").closest(".notice")!.className).toContain("none");
});

test.each([
  ["failed", { halfFilled: false }, "Nothing was changed in the database.", "none"],
  ["interrupted", { halfFilled: true, mode: "replace" as const }, "What it held may be gone. Restore into a new database, and switch over when that is good.", "bad"],
] as const)("one that ended %s says what became of the database: %o", async (state, change, said, tone) => {
  const x = restore({ state, ...change, error: { code: "DatabaseConnectionError", reason: "connection_lost", message: "lost", hint: "Look.", messages: ["ERROR: no way"] } });
  serve({ ...world([]), "GET /api/restore/status/:id": () => x });
  show(<RestoreScreen id={x.id} />);
  expect((await screen.findByText(said)).closest(".notice")!.className).toContain(tone);
  expect(screen.getByText("Connection to the database lost")).toBeTruthy();
  expect(screen.getByText("ERROR: no way").closest("ul")!.lang).toBe("en");
  expect(screen.queryByText(/DROP DATABASE/)).toBeNull();
  expect(screen.getByRole("link", { name: "Restore again" }).getAttribute("href")).toBe(`#/restore?backup=${x.backup}`);
});

test("a table that came back beside the other one is merged by statements", async () => {
  const x = restore({ mode: "part", state: "succeeded", database: "shop", part: { tables: ['"public"."orders"'], as: "public.orders_20261119" }, restored: { duration: 900 } });
  serve({ ...world([]), "GET /api/restore/status/:id": () => x });
  show(<RestoreScreen id={x.id} />);
  expect(await screen.findByText(/INSERT INTO public\.orders SELECT \* FROM public\.orders_20261119 ON CONFLICT DO NOTHING;/)).toBeTruthy();
  expect(screen.queryByText(/cofre switch/)).toBeNull();
});

test("one that is not there says so", async () => {
  serve({ "GET /api/restore/status/:id": () => problem(404, { code: "ValidationError", reason: "not_found", detail: "there is no restore" }) });
  show(<RestoreScreen id="01JZ8R7S3E5T0RE6K2W1X0N5BC" />);
  expect(await screen.findByText(/Restore not found/)).toBeTruthy();
});

test("a record that somebody has written over is no restore that is not there", async () => {
  serve({ "GET /api/restore/status/:id": () => problem(500, { code: "ValidationError", reason: "structure_damaged", detail: "the record is damaged", hint: "Look." }) });
  show(<RestoreScreen id="01JZ8R7S3E5T0RE6K2W1X0N5BC" />);
  expect((await screen.findByRole("alert")).textContent).toContain("the record is damaged");
});

test("names are proposed that the server takes, and read as SQL has them", () => {
  const b = backup({ database: "é".repeat(40), createdAt: "2026-11-20T12:00:00Z" });
  expect(new TextEncoder().encode(proposedDatabase(b, "new")).length).toBeLessThanOrEqual(63);
  expect(proposedDatabase(b, "new")).toMatch(/é_restored_20261120$/);
  expect(goodDatabase(proposedDatabase(backup({ database: "-my db/1" }), "new"))).toBe(true);
  expect(proposedDatabase(b, "replace")).toBe(b.database);
  expect(proposedName(backup({ createdAt: "2026-11-20T12:00:00Z" }), { schema: "App", name: "t" })).toBe('"App"."t_20261120"');
  expect(parseTables('public.Orders\n\n "A ""b"""."c.d" \nplain\na.b.c')).toEqual({ tables: [{ schema: "public", name: "orders" }, { schema: 'A "b"', name: "c.d" }, { schema: "", name: "plain" }], schemas: [], wrong: ["a.b.c"] });
  expect(parseTables('App.*\n"A b".*\n*')).toEqual({ tables: [{ schema: "", name: "*" }], schemas: ["app", "A b"], wrong: [] });
  expect(['"public"."orders"', '"public"."Orders"', '"orders"'].map(plainName)).toEqual(["public.orders", '"public"."Orders"', "orders"]);
  for (const name of ["postgres", "Template0", "", "a b", "a/b", "-a", ".a", "x".repeat(64), "é".repeat(32)]) expect(goodDatabase(name), name).toBe(false);
  for (const name of ["shop", "shop_restored_20261120", "Ação-1.x", "_a$"]) expect(goodDatabase(name), name).toBe(true);
});

test("the way that is meant is one that the target allows", () => {
  expect(modeOf(blank, staging)).toBe("new");
  expect(modeOf({ ...blank, tables: [] }, staging)).toBe("part");
  expect(modeOf({ ...blank, tables: [] }, production)).toBe("new");
  expect(modeOf({ ...blank, mode: "replace", tables: [] }, staging)).toBe("part");
  expect(orderOf(backup(), { ...blank, mode: "replace" }, production)).toBeUndefined();
  expect(orderOf(backup(), { ...blank, tables: [] }, staging)).toBeUndefined();
  expect(orderCommand(orderOf(backup({ id: "01JZ8Q4M9T4Y3V6K2W1X0N9999" }), { ...blank, mode: "replace", noOwner: true, noPrivileges: true }, staging)!)).toBe('cofre restore 01JZ8Q4M9T4Y3V6K2W1X0N9999 --to "$TARGET_DATABASE_URL" --clean --no-owner --no-privileges');
  expect(switchCommand("a b", "shop")).toBe("cofre switch 'a b' --to postgresql://user@host:5432/shop --keep shop_broken");
  expect(mergeStatements("t", "u")).toContain("DROP TABLE u;");
});
