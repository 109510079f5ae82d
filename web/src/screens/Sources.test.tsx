import { screen, within } from "@testing-library/react";
import { expect, test } from "vitest";
import type { SourceSummary } from "../api/client";
import { ptBR } from "../i18n/pt-BR";
import { aged, hoursAgo, metrics, serve, show, source } from "../test/world";
import { BackupManager, Tiles } from "./BackupManager";
import { Findings, Sources } from "./Sources";

const tile = (name: string) => screen.getByRole("heading", { name }).closest(".tile")!;
const home = (m: object) => serve({ "GET /api/metrics/summary": () => m, "GET /api/backup/list": () => ({ backups: [], total: 0 }) });
const text = (e: Element) => e.textContent!.replace(/[\u00a0\u202f]/g, " ");

const loja = () => source({ source: "loja", scheduled: true, schedule: "0 2 * * *", nextScheduledAt: hoursAgo(-5) });
const financeiro = (change: Partial<SourceSummary> = {}) => source({
  source: "financeiro", state: "warning", configured: false, ...aged(40 * 24), overdue: true,
  findings: [{ code: "unscheduled", severity: "warning", text: "nobody backs it up; the last good backup is 40 days old", hint: "Put it into a schedule." }], ...change,
});

test("a source that nobody backs up is told, and another one's schedule is not shown as its own", async () => {
  home(metrics({ state: "warning", sources: [loja(), financeiro()], schedule: "0 2 * * *", nextScheduledAt: hoursAgo(-5) }));
  show(<BackupManager userRole="ADMIN" />);
  const notes = await screen.findByRole("region", { name: "Needs attention" });
  expect(notes.textContent).toContain("financeiro: nobody backs it up; last good backup 1 month ago");
  expect(notes.querySelector(".notice")!.className).toContain("warn");
  expect(tile("Last good backup").className).toContain("warn");
  expect(tile("Last good backup").textContent).toContain("1 month agofinanceiro · Nobody backs it up");
  expect(tile("Next scheduled backup").textContent).toMatch(/in 5 hoursloja · /);
  const rows = within(screen.getByRole("heading", { name: "Sources" }).closest("section")!).getAllByRole("listitem").map(text);
  expect(rows[0]).toMatch(/^financeiroNobody backs it up.*Next run: no schedule$/);
  expect(rows[1]).toMatch(/^lojaOn time.*Next run: in 5 hours$/);
  expect(rows.join()).not.toContain("proven");
});

test("each source says when it was proven last, where it was or is to be", () => {
  serve({});
  const proven = { id: "01JZ8Q4M9T4Y3V6K2W1X0NAAAD", at: hoursAgo(50), provenAt: hoursAgo(48) };
  show(<Sources sources={[
    source({ source: "a", lastProven: { ...proven, inPart: false } }), source({ source: "b", lastProven: { ...proven, inPart: true } }), source({ source: "c", proofsExpected: true }),
  ]} />);
  const rows = screen.getAllByRole("listitem").map(text);
  expect(rows[0]).toMatch(/ · proven 2 days ago/);
  expect(rows[1]).toMatch(/ · proven in part 2 days ago/);
  expect(rows[2]).toMatch(/ · proven not yet/);
});

test("proofs that nobody can make are told, with what to do", () => {
  serve({});
  const scripts = source({ source: "loja", state: "warning", findings: [{ code: "not_provable", severity: "warning", text: "proofs are expected, but …", backupId: "01JZ8Q4M9T4Y3V6K2W1X0NAAAD" }] });
  show(<Findings sources={[scripts]} />);
  expect(text(document.querySelector(".notice.warn")!)).toMatch(/^loja: proofs are expected, but the newest backups are SQL scripts, which cannot be proven.*Create backups in the custom format/);
});

test("seen alone, a source that no schedule makes has no next run", () => {
  serve({});
  show(<Tiles source="financeiro" metrics={metrics({ state: "warning", sources: [loja(), financeiro()] })} />);
  expect(tile("Next scheduled backup").textContent).toContain("None");
  expect(tile("Last good backup").className).toContain("warn");
});

test("the tile is never green when the API says that not all is well", () => {
  serve({});
  const { unmount } = show(<Tiles source={undefined} metrics={metrics({ state: "failing" })} />); // whatever it is that fails
  expect(tile("Last good backup").className).toBe("tile bad");
  unmount();
  const plain = show(<Tiles source={undefined} metrics={metrics({ sources: [] })} />);
  expect(tile("Last good backup").className.trim()).toBe("tile");
  expect(tile("Last good backup").textContent).toContain("Never");
  plain.unmount();
  show(<Tiles source={undefined} metrics={metrics()} />);
  expect(tile("Last good backup").className).toBe("tile ok");
});

test("failing since when, how often, why, and what to do", () => {
  serve({});
  const error = { code: "DatabaseConnectionError" as const, reason: "port_refused", message: "connect to db port 5432: refused", hint: "Start it." };
  const failing = source({ source: "loja", state: "failing", failures: 2, failingSince: hoursAgo(30), findings: [{ code: "failing", severity: "failing", text: "the last 2 backups failed", since: "2026-11-24T05:00:00Z", backupId: "01JZ8Q4M9T4Y3V6K2W1X0NAAAD", error }] });
  show(<Findings sources={[failing]} />);
  const note = document.querySelector(".notice.bad")!;
  expect(text(note)).toContain("loja: failing since Nov 24, 2026, 2:00 AM (2 times in a row): Nothing answers at the database's port");
  expect(note.textContent).toContain(error.message);
  expect(note.textContent).toContain("What to do: Start it.");
  expect(within(note as HTMLElement).getByRole("link").getAttribute("href")).toBe("#/backups/01JZ8Q4M9T4Y3V6K2W1X0NAAAD");
});

const forecast = (limit: "size_limit_near" | "time_limit_near", value: number, at: string) =>
  ({ backups: 20, since: "2026-11-01T05:00:00Z", size: { now: 1, perDay: 1 }, duration: { now: 1, perDay: 1 }, reached: [{ limit, value, at }] });

const others: [SourceSummary["findings"][number]["code"], SourceSummary["state"], Partial<SourceSummary>, string, string][] = [
  ["overdue", "failing", { ...aged(72) }, "overdue: last good backup 3 days ago, expected by Nov 24, 2026, 2:00 AM", "atrasado: último backup válido há 3 dias, esperado até 24 de nov. de 2026, 02:00"],
  ["no_backup_yet", "warning", {}, "no good backup yet", "nenhum backup válido ainda"],
  ["only_parts", "warning", {}, "only parts are backed up", "só há backups parciais"],
  ["shrunk", "warning", { shrunkFrom: 10 << 20, shrunkTo: 4 << 20 }, "the last backup has 4.0 MB, the one before 10.0 MB", "o último backup tem 4,0 MB; o anterior, 10,0 MB"],
  ["rows_lost", "warning", { tablesLost: 1, rowsLost: [{ table: "app.orders", before: 1000, after: 80, percent: 92, dropped: false }] }, "app.orders lost 92 % of its rows since the backup before (1,000, now 80)", "app.orders perdeu 92 % das linhas desde o backup anterior (1.000, agora 80)"],
  ["rows_lost", "warning", { tablesLost: 3 }, "3 tables lost many rows since the backup before", "3 tabelas com muitas linhas a menos que no backup anterior"],
  ["contents_unknown", "warning", {}, "what the newest backup contains is not known", "o conteúdo do último backup não é conhecido"],
  ["size_limit_near", "warning", { forecast: forecast("size_limit_near", 50 * 2 ** 30, "2026-12-14T05:00:00Z") }, "by Dec 14, 2026 its backups are larger than allowed (50.0 GB)", "até 14 de dez. de 2026 os backups passam do tamanho permitido (50,0 GB)"],
  ["time_limit_near", "warning", { forecast: forecast("time_limit_near", 3_600_000, "2026-11-20T05:00:00Z") }, "its backups take longer than allowed (", "os backups levam mais tempo que o permitido ("],
  ["damaged", "warning", { damaged: 2 }, "2 damaged backups", "2 backups corrompidos"],
];
test.each(others)("%s is told in both languages", (code, state, change, english, portuguese) => {
  serve({});
  const one = source({ source: "loja", state, findings: [{ code, severity: state, text: "x", since: "2026-11-24T05:00:00Z" }], ...change });
  const { unmount } = show(<Findings sources={[one]} />);
  expect(text(document.querySelector(`.notice.${state === "failing" ? "bad" : "warn"}`)!)).toContain(`loja: ${english}`);
  unmount();
  show(<Findings sources={[one]} />, { language: "pt-BR" });
  expect(text(document.querySelector(".notice")!)).toContain(`loja: ${portuguese}`);
  expect(text(document.querySelector(".notice")!)).toContain(ptBR.findings.todo[code]!);
});

test("a finding that this page does not know is told in the API's words", () => {
  serve({});
  show(<Findings sources={[source({ state: "warning", findings: [{ code: "moved" as never, severity: "warning", text: "its server moved", hint: "Say so." }] })]} />);
  expect(document.querySelector(".notice")!.textContent).toContain("shop: its server moved");
  expect(document.querySelector(".notice")!.textContent).toContain("Say so.");
});

test("damaged backups are told on the first screen, with the way to them", async () => {
  home(metrics({ state: "warning", sources: [source({ state: "warning", damaged: 2, findings: [{ code: "damaged", severity: "warning", text: "2 backups found damaged" }] })] }));
  show(<BackupManager userRole="ADMIN" />);
  expect((await screen.findByRole("link", { name: "Show the damaged" })).getAttribute("href")).toBe("#/?source=shop&damaged=true");
});

test("many sources are told the worst first, and not all in full", () => {
  serve({});
  const many = Array.from({ length: 7 }, (_, i) => financeiro({ source: `s${i}`, ...(i === 6 ? { state: "failing" as const } : {}) }));
  show(<Findings sources={many} />);
  const notes = [...document.querySelectorAll(".notice")].map((n) => n.textContent!);
  expect(notes).toHaveLength(6);
  expect(notes[0]).toContain("s6:");
  expect(notes[5]).toContain("2 more sources");
});
