import { screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import type { Metrics, SourceSummary } from "../api/client";
import { en } from "../i18n/en";
import { ptBR } from "../i18n/pt-BR";
import { aged, day, hoursAgo, metrics, serve, show, source } from "../test/world";
import { BackupManager } from "./BackupManager";
import { wayOf, type Next } from "./home/sentence";
import { sentenceOf } from "./home/Say";
import { SourceCards } from "./home/SourceCards";
import { Findings } from "./Sources";

const home = (m: object, list: object[] = []) => serve({ "GET /api/metrics/summary": () => m, "GET /api/backup/list": () => ({ backups: list, total: list.length }) });
const text = (e: Element) => e.textContent!.replace(/[\u00a0\u202f]/g, " ");

const loja = () => source({ source: "loja", scheduled: true, schedule: "0 2 * * *", nextScheduledAt: hoursAgo(-5) });
const financeiro = (change: Partial<SourceSummary> = {}) => source({
  source: "financeiro", state: "warning", configured: false, ...aged(40 * 24), overdue: true,
  findings: [{ code: "unscheduled", severity: "warning", text: "nobody backs it up; the last good backup is 40 days old", hint: "Put it into a schedule." }], ...change,
});
const said = (sentence: Partial<Metrics["sentence"]>): Metrics["sentence"] => ({ code: "all_good", state: "ok", sources: 1, others: 0, ...sentence });
const icon = () => document.querySelector<HTMLLinkElement>("link[rel=icon]")!.getAttribute("href");
const withIcon = () => { document.head.innerHTML = '<link rel="icon" href="./icon.svg">'; };

test("a source that nobody backs up is the news, and another one's schedule is not shown as its own", async () => {
  home(metrics({ state: "warning", sources: [loja(), financeiro()], sentence: said({ code: "unscheduled", state: "warning", sources: 2, source: "financeiro", at: hoursAgo(40 * 24) }) }));
  show(<BackupManager userRole="ADMIN" />);
  const title = await screen.findByRole("heading", { level: 1, name: "financeiro is on no schedule, and its last good backup is old." });
  const say = title.closest("section")!;
  expect(say.className).toBe("say warn");
  expect(text(say)).toMatch(/Last good backup: .*\(1 month ago\)\..*Add it to a schedule/);
  const cards = within(screen.getByRole("region", { name: "Sources" })).getAllByRole("listitem").map(text);
  expect(cards[0]).toMatch(/^financeiroNobody backs it upLast good · 1 month ago.*Nexton demand/);
  expect(cards[1]).toMatch(/^lojaOn timeLast good · 2 hours ago.*Next · in 5 hours/);
});

test("when all is well it says what one would have after a loss, and when that was last tested; icon and title say it, too", async () => {
  withIcon();
  home(metrics({ sentence: said({ source: "shop", at: hoursAgo(2), provenAt: hoursAgo(48) }) }));
  const { unmount } = show(<BackupManager userRole="ADMIN" />);
  const say = (await screen.findByRole("heading", { level: 1, name: "All good: shop has a good, recent backup." })).closest("section")!;
  expect(say.className).toBe("say ok");
  expect(text(say)).toMatch(/If the server were lost now, shop would come back as of .*\(2 hours ago\)\. Its last restore test was 2 days ago\./);
  expect(document.title).toBe("All good: shop has a good, recent backup. · cofre");
  expect(icon()).toBe("./icon.svg");
  unmount();
  home(metrics({ state: "failing", sources: [source({ state: "failing", failures: 3, findings: [{ code: "failing", severity: "failing", text: "x" }] })], sentence: said({ code: "failing", state: "failing", source: "shop", step: "look", backupId: "01JZ8Q4M9T4Y3V6K2W1X0NAAAD" }) }));
  const failing = show(<BackupManager userRole="ADMIN" />, { language: "pt-BR" });
  expect((await screen.findByRole("heading", { level: 1, name: "Os últimos 3 backups de shop falharam." })).closest("section")!.className).toBe("say bad");
  expect(screen.getByRole("link", { name: "Ver o que fazer" }).getAttribute("href")).toBe("#/backups/01JZ8Q4M9T4Y3V6K2W1X0NAAAD");
  expect(document.title).toBe("Os últimos 3 backups de shop falharam. · cofre");
  expect(icon()).toBe("./icon-bad.svg");
  failing.unmount();
  expect(icon()).toBe("./icon.svg"); // another screen promises nothing, and alarms nobody
});

test("the sentence is never green when the API says that not all is well", async () => {
  home(metrics({ state: "failing", sentence: said({ code: "moved" as never, state: "failing", source: "shop" }) })); // whatever it is that fails
  show(<BackupManager userRole="ADMIN" />);
  expect((await screen.findByRole("heading", { level: 1, name: "shop needs attention." })).closest("section")!.className).toBe("say bad");
});

test("figures that may be old promise nothing", async () => {
  let good = true;
  serve({ "GET /api/metrics/summary": () => (good ? metrics() : Response.json({ code: "InternalError", detail: "x" }, { status: 500 })), "GET /api/backup/list": () => ({ backups: [], total: 0 }) });
  const { client } = show(<BackupManager userRole="ADMIN" />);
  const say = (await screen.findByRole("heading", { level: 1, name: /^All good/ })).closest("section")!;
  expect(say.className).toBe("say ok");
  good = false;
  await client.refetchQueries({ queryKey: ["backups", "metrics"] });
  await screen.findByText("The figures below are old.");
  expect(say.className).toBe("say warn");
});

test("failing since when, how often, why, and what to do", async () => {
  const error = { code: "DatabaseConnectionError" as const, reason: "port_refused", message: "connect to db port 5432: refused", hint: "Start it." };
  const failing = source({ source: "loja", state: "failing", failures: 2, failingSince: hoursAgo(30), findings: [{ code: "failing", severity: "failing", text: "the last 2 backups failed", since: "2026-11-24T05:00:00Z", step: "look", backupId: "01JZ8Q4M9T4Y3V6K2W1X0NAAAD", error }] });
  home(metrics({ state: "failing", sources: [failing], sentence: said({ code: "failing", state: "failing", source: "loja", step: "look", backupId: "01JZ8Q4M9T4Y3V6K2W1X0NAAAD", at: hoursAgo(54), others: 2 }) }));
  const { unmount } = show(<BackupManager userRole="ADMIN" />);
  const say = (await screen.findByRole("heading", { level: 1, name: "The last 2 backups of loja failed." })).closest("section")!;
  expect(text(say)).toMatch(/Database connection refused\. Last good backup: .* What to do: Start it\. 2 more sources to look at\./);
  unmount();
  serve({});
  show(<Findings source={failing} />);
  const note = document.querySelector(".notice.bad")!;
  expect(text(note)).toContain("loja: failing since Nov 24, 2026, 02:00 (2 times in a row): Database connection refused");
  expect(note.textContent).toContain(error.message);
  expect(note.textContent).toContain("What to do: Start it.");
  expect(within(note as HTMLElement).getByRole("link").getAttribute("href")).toBe("#/backups/01JZ8Q4M9T4Y3V6K2W1X0NAAAD");
});

test("what was told on top is not told again below", () => {
  serve({});
  show(<Findings source={financeiro()} told="unscheduled" />);
  expect(document.querySelector(".notice")).toBeNull();
});

test("rows that were lost are told with their numbers, and the way back to them", async () => {
  const lost = source({ source: "loja", state: "warning", tablesLost: 1, rowsLost: [{ table: "app.orders", before: 1000, after: 80, percent: 92, dropped: false }], findings: [{ code: "rows_lost", severity: "warning", text: "x" }] });
  home(metrics({ state: "warning", sources: [lost], sentence: said({ code: "rows_lost", state: "warning", source: "loja", step: "compare", backupId: "01JZ8Q4M9T4Y3V6K2W1X0NAAAD", earlierId: "01JZ8Q4M9T4Y3V6K2W1X0NAAAE" }) }));
  show(<BackupManager userRole="ADMIN" />);
  const say = (await screen.findByRole("heading", { level: 1, name: "loja: app.orders lost 92 % of its rows." })).closest("section")!;
  expect(text(say)).toContain("1,000 rows before, 80 now.");
  expect(within(say).getAllByRole("link").map((a) => [a.textContent, a.getAttribute("href")])).toEqual([["Compare", "#/backups/01JZ8Q4M9T4Y3V6K2W1X0NAAAD"], ["Restore from the one before…", "#/restore?backup=01JZ8Q4M9T4Y3V6K2W1X0NAAAE&table=app.orders"]]);
});

test("each source says when it was proven last, and how its days were", () => {
  serve({});
  const proven = { id: "01JZ8Q4M9T4Y3V6K2W1X0NAAAD", at: hoursAgo(50), provenAt: hoursAgo(48) };
  const trend = [day({ succeeded: 1 }), day({ date: "2026-11-20", failed: 1 }), day({ date: "2026-11-21", missed: 1 }), day({ date: "2026-11-22" })];
  show(<SourceCards days={30} sources={[
    source({ source: "a", lastProven: { ...proven, inPart: false }, trend }), source({ source: "b", lastProven: { ...proven, inPart: true } }),
    source({ source: "c", lastProven: { ...proven, inPart: false }, lastDisproven: { ...proven, provenAt: hoursAgo(1), inPart: false } }), source({ source: "d" }),
  ]} />);
  const cards = screen.getAllByRole("listitem").map(text);
  for (const [i, words] of ["Restore test2 days ago", "Restore test2 days ago (in part)", "Restore testfailed 1 hour ago", "Restore testnone yet"].entries()) expect(cards[i]).toContain(words);
  const picture = screen.getByRole("img", { name: "Last 30 days: 1 succeeded, 1 failed, 1 missed" });
  // By form, and not by colour alone.
  expect([...picture.children].map((g) => [g.getAttribute("class"), g.children.length])).toEqual([["day-ok", 1], ["day-bad", 2], ["day-missed", 1], ["day-none", 1]]);
});

test("many sources are rows, the worst first; not all are shown at once, and they can be looked for", async () => {
  serve({});
  const many = Array.from({ length: 18 }, (_, i) => source({ source: `s${String(i).padStart(2, "0")}`, ...(i === 16 ? { state: "failing" as const } : {}) }));
  show(<SourceCards days={30} sources={many} />);
  expect(screen.getByRole("region", { name: "Sources" }).className).toBe("sources many some");
  const names = () => screen.getAllByRole("listitem").map((x) => within(x).getByRole("link").textContent);
  expect(names()).toHaveLength(6);
  expect(names()[0]).toBe("s16");
  await userEvent.type(screen.getByRole("searchbox", { name: "Filter sources" }), "s0");
  expect(names()).toHaveLength(10);
  await userEvent.clear(screen.getByRole("searchbox"));
  await userEvent.click(screen.getByRole("button", { name: "Show all 18 sources" }));
  expect(names()).toHaveLength(18);
});

test("one source has no card of its own beside the page: its days are the page's", async () => {
  home(metrics());
  show(<BackupManager userRole="ADMIN" />);
  expect(await screen.findByRole("region", { name: "shop" })).toBeTruthy();
  expect(screen.queryByRole("region", { name: "Sources" })).toBeNull();
});

test("an empty home is one card that leads to the first backup: no alarm, no charts, no list", async () => {
  const empty = metrics({ state: "warning", total: 0, storageUsedBytes: 0, sources: [source({ backups: 0, findings: [{ code: "no_backup_yet", severity: "warning", text: "x" }] })], sentence: said({ code: "nothing_yet", state: "warning", step: "create" }) });
  const check = (name: string, result = "ok") => ({ name, result, detail: "fine", hint: "Do this." });
  let database = "ok";
  serve({ "GET /api/metrics/summary": () => empty, "GET /api/backup/list": () => ({ backups: [], total: 0 }), "GET /api/health": () => ({ status: "ok", checkedAt: hoursAgo(0), checks: [check("storage_space"), check("database", database), check("permissions")] }) });
  const { unmount } = show(<BackupManager userRole="ADMIN" />);
  const card = (await screen.findByRole("heading", { level: 1, name: "Create the first backup" })).closest("section")!;
  expect(within(card).getByRole("link", { name: "Create the first backup" }).getAttribute("href")).toBe("#/new");
  expect(await within(card).findByText("shop, can be read in full")).toBeTruthy();
  expect(screen.queryByRole("alert")).toBeNull();
  expect(screen.queryByRole("table")).toBeNull();
  expect(document.querySelector(".bad, .warn, .chart, .list")).toBeNull();
  unmount();
  database = "failed";
  const missing = show(<BackupManager userRole="ADMIN" />);
  expect(await screen.findByText("Something is still missing. Each line says what to do.")).toBeTruthy();
  expect(screen.getByText("Do this.")).toBeTruthy();
  missing.unmount();
  show(<BackupManager userRole="SUPERVISOR" />, { permissions: ["list"], language: "pt-BR" });
  expect(await screen.findByText(/peça a um administrador/)).toBeTruthy();
  expect(screen.queryByRole("link", { name: "Fazer o primeiro backup" })).toBeNull();
});

test("proofs that nobody can make are told, with what to do", () => {
  serve({});
  const scripts = source({ source: "loja", state: "warning", findings: [{ code: "not_provable", severity: "warning", text: "proofs are expected, but …", backupId: "01JZ8Q4M9T4Y3V6K2W1X0NAAAD" }] });
  show(<Findings source={scripts} />);
  expect(text(document.querySelector(".notice.warn")!)).toMatch(/^loja: proofs are expected, but the newest backups are SQL scripts, which cannot be proven.*Create backups in the custom format/);
});

const forecast = (limit: "size_limit_near" | "time_limit_near", value: number, at: string) =>
  ({ backups: 20, since: "2026-11-01T05:00:00Z", size: { now: 1, perDay: 1 }, duration: { now: 1, perDay: 1 }, reached: [{ limit, value, at }] });

const others: [SourceSummary["findings"][number]["code"], SourceSummary["state"], Partial<SourceSummary>, string, string][] = [
  ["overdue", "failing", { ...aged(72) }, "overdue: last good backup 3 days ago, expected by Nov 24, 2026, 02:00", "atrasado: último backup válido há 3 dias, esperado até 24/11/2026, 02:00"],
  ["no_backup_yet", "warning", {}, "no good backup yet", "nenhum backup válido ainda"],
  ["only_parts", "warning", {}, "only parts are backed up", "só há backups parciais"],
  ["shrunk", "warning", { shrunkFrom: 10 << 20, shrunkTo: 4 << 20 }, "the last backup has 4.0 MB, the one before 10.0 MB", "o último backup tem 4,0 MB; o anterior, 10,0 MB"],
  ["rows_lost", "warning", { tablesLost: 1, rowsLost: [{ table: "app.orders", before: 1000, after: 80, percent: 92, dropped: false }] }, "app.orders lost 92 % of its rows since the backup before (1,000, now 80)", "app.orders perdeu 92 % das linhas desde o backup anterior (1.000, agora 80)"],
  ["rows_lost", "warning", { tablesLost: 3 }, "3 tables lost many rows since the backup before", "3 tabelas com muitas linhas a menos que no backup anterior"],
  ["contents_unknown", "warning", {}, "what the newest backup contains is not known", "o conteúdo do último backup não é conhecido"],
  ["size_limit_near", "warning", { forecast: forecast("size_limit_near", 50 * 2 ** 30, "2026-12-14T05:00:00Z") }, "by Dec 14, 2026 its backups are larger than allowed (50.0 GB)", "até 14/12/2026 os backups passam do tamanho permitido (50,0 GB)"],
  ["time_limit_near", "warning", { forecast: forecast("time_limit_near", 3_600_000, "2026-11-20T05:00:00Z") }, "its backups take longer than allowed (", "os backups levam mais tempo que o permitido ("],
  ["damaged", "warning", { damaged: 2 }, "2 damaged backups", "2 backups corrompidos"],
];
test.each(others)("%s is told in both languages", (code, state, change, english, portuguese) => {
  serve({});
  const one = source({ source: "loja", state, findings: [{ code, severity: state, text: "x", since: "2026-11-24T05:00:00Z" }], ...change });
  const { unmount } = show(<Findings source={one} />);
  expect(text(document.querySelector(`.notice.${state === "failing" ? "bad" : "warn"}`)!)).toContain(`loja: ${english}`);
  unmount();
  show(<Findings source={one} />, { language: "pt-BR" });
  expect(text(document.querySelector(".notice")!)).toContain(`loja: ${portuguese}`);
  expect(text(document.querySelector(".notice")!)).toContain(ptBR.findings.todo[code]!);
});

test("a finding that this page does not know is told in the API's words", () => {
  serve({});
  show(<Findings source={source({ state: "warning", findings: [{ code: "moved" as never, severity: "warning", text: "its server moved", hint: "Say so." }] })} />);
  expect(document.querySelector(".notice")!.textContent).toContain("shop: its server moved");
  expect(document.querySelector(".notice")!.textContent).toContain("Say so.");
});

const ways = {
  create: "#/new?source=my+shop", look: "#/backups/01B", compare: "#/backups/01B", prove: "#/backups/01B", show_backups: "#/?source=my+shop", show_damaged: "#/?source=my+shop&damaged=true",
  watch: "#/?source=my+shop&status=in_progress", show_source: "#/settings/sources/my%20shop", show_places: "#/settings/places", show_checks: "#/health", make_room: "#/cleanup",
} satisfies Record<NonNullable<Next["step"]>, string>;

test("each thing to do next has a link that is named in both languages, as far as the role may", () => {
  for (const [step, href] of Object.entries(ways)) {
    const next = { step: step as keyof typeof ways, source: "my shop", backupId: "01B" };
    const way = wayOf(en, next, () => true);
    expect(way?.href.replace("my%20shop", href.includes("%20") ? "my%20shop" : "my+shop")).toBe(href);
    expect(wayOf(ptBR, next, () => true)?.name).toMatch(/\w/);
    expect(wayOf(ptBR, next, () => true)?.name).not.toBe(way?.name);
  }
  expect(wayOf(en, { step: "create" }, () => false)).toBeUndefined();
  expect(wayOf(en, { step: "show_source" }, () => false)?.href).toBe("#/settings/sources");
  expect(wayOf(en, {}, () => true)).toBeUndefined();
});

test("damaged backups are told on the first screen, with the way to them", async () => {
  home(metrics({ state: "warning", sources: [source({ state: "warning", damaged: 2, findings: [{ code: "damaged", severity: "warning", text: "2 backups found damaged" }] })], sentence: said({ code: "damaged", state: "warning", source: "shop", step: "show_damaged" }) }));
  show(<BackupManager userRole="ADMIN" />);
  expect((await screen.findByRole("link", { name: "Show the damaged" })).getAttribute("href")).toBe("#/?source=shop&damaged=true");
});

const codes = ["overdue", "unscheduled", "no_backup_yet", "failing", "only_parts", "shrunk", "rows_lost", "contents_unknown", "not_proven", "not_provable", "proof_failed", "damaged", "server_changed", "unreadable", "settings_untaken", "future", "size_limit_near", "time_limit_near", "copy_late", "copy_unknown", "vanished"] as const;
test.each(codes)("%s has a sentence of its own in both languages", async (code) => {
  const one = source({ source: "loja", state: "warning", findings: [{ code, severity: "warning", text: "x" }] });
  home(metrics({ state: "warning", sources: [one], sentence: said({ code, state: "warning", source: "loja" }) }));
  const english = show(<BackupManager userRole="ADMIN" />);
  const first = (await screen.findByRole("heading", { level: 1, name: /loja/ })).textContent;
  expect(first).not.toBe("loja needs attention.");
  english.unmount();
  show(<BackupManager userRole="ADMIN" />, { language: "pt-BR" });
  const second = (await screen.findByRole("heading", { level: 1, name: /loja/ })).textContent;
  expect(second).not.toBe("loja requer atenção.");
  expect(second).not.toBe(first);
});

test("a sentence begins with a capital letter, and a name with its own", () => {
  for (const [text, sentence] of [
    ["no good backup yet", "No good backup yet."], ["último backup válido", "Último backup válido."], ["done", "Done."], ["see its log.", "See its log."],
    ["public.orders, public.items", "public.orders, public.items."], ["pg_dump exited with status 1", "pg_dump exited with status 1."], ["shop: refused", "shop: refused."], ["orders2 lost rows", "orders2 lost rows."],
  ]) expect(sentenceOf(text!)).toBe(sentence);
});
