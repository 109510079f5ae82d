import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { partText } from "../components/Part";
import { backup, day, metrics, problem, serve, show } from "../test/world";
import { BackupManager, seriesOf, Tiles } from "./BackupManager";
import { en } from "../i18n/en";

const answers = (list: object = { backups: [backup({ filename: "one.dump", previousSize: 1024, size: 2048 })], total: 1 }, m = metrics()) => ({
  "GET /api/metrics/summary": () => m,
  "GET /api/backup/list": (a: { query: URLSearchParams }) => (a.query.get("status") === "in_progress" ? { backups: [], total: 0 } : list),
});

test("a row tells size with its change, how it was verified, until when it is kept, and why", async () => {
  serve(answers());
  show(<BackupManager userRole="ADMIN" />);
  const row = (await screen.findByRole("link", { name: "one.dump" })).closest("tr")!;
  for (const part of ["Verified", "shop", "1 min 1 sec", "2.0 kB", "+100%", "while it was made", "Until Dec 19, 2026", "within the limits"]) expect(row.textContent!.replace(/\u00a0/g, " ")).toContain(part);
  const time = row.querySelector("time")!;
  expect(time.textContent).toContain("Nov 19, 2026"); // local
  expect(time.dataset.utc).toMatch(/Nov 20, 2026, 2:00:00\sAM UTC/); // shown when focused
  expect(time.tabIndex).toBe(0);
});

test("a row shows in dots how far it was looked into, and says it in words with dates", async () => {
  const at = "2026-11-20T10:00:00Z";
  const damaged = { ok: false, level: "full" as const, at }, proven = { ok: true, level: "proven_in_part" as const, at }, stream = { ok: true, level: "stream" as const, at };
  const failed = backup({ filename: "failed.dump", status: "failed" });
  delete failed.verification;
  serve(answers({ backups: [backup({ filename: "new.dump", verification: stream }), backup({ filename: "old.dump", verification: damaged, verifications: [proven, damaged, stream] }), failed], total: 3 }));
  show(<BackupManager userRole="ADMIN" />, { language: "pt-BR" });
  const mark = async (name: string) => within((await screen.findByRole("link", { name })).closest("tr")!).queryByRole("img");
  expect((await mark("new.dump"))!.textContent).toBe("●●○○○");
  expect((await mark("new.dump"))!.getAttribute("aria-label")).toMatch(/^armazenado .*; durante a criação .*; relido .*: ainda não; restaurado: ainda não; comprovado: ainda não$/);
  expect((await mark("old.dump"))!.textContent).toBe("●●×○◐");
  expect((await mark("old.dump"))!.title).toMatch(/relido.*, Corrompido .*2026.*; comprovado em parte .*2026/);
  expect(await mark("failed.dump")).toBeNull();
});

test("filters go into the address and into the question to the API", async () => {
  const asked = serve(answers());
  show(<BackupManager userRole="ADMIN" />);
  await screen.findByRole("link", { name: "one.dump" });
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Status" }), "failed");
  expect(location.hash).toBe("#/?status=failed");
  await userEvent.type(screen.getByRole("searchbox"), "abc");
  await waitFor(() => expect(location.hash).toBe("#/?status=failed&search=abc"));
  await waitFor(() => expect(asked.some((a) => a.query.get("outcome") === "failed" && a.query.get("search") === "abc")).toBe(true));
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Sort" }), "largest");
  expect(location.hash).toBe("#/?status=failed&search=abc&sort=largest");
});

test("an address with filters shows them", async () => {
  history.replaceState(null, "", "/#/?status=success&day=2026-11-19&label=why%3Dtest");
  const asked = serve(answers({ backups: [], total: 0 }));
  show(<BackupManager userRole="ADMIN" />);
  expect(await screen.findByText("No backup matches these filters.")).toBeTruthy();
  const list = asked.find((a) => a.query.get("label") === "why=test")!;
  expect(list.query.get("since")).toBe("2026-11-19T03:00:00.000Z");
  await userEvent.click(screen.getByRole("button", { name: "Remove the filter why=test" }));
  expect(location.hash).toBe("#/?status=success&day=2026-11-19");
});

test("pages are loaded one after the other", async () => {
  const asked = serve({
    ...answers(),
    "GET /api/backup/list": (a) =>
      a.query.get("status") || a.query.get("since") ? { backups: [], total: 0 }
      : a.query.get("cursor") ? { backups: [backup({ filename: "two.dump" })], total: 2 }
      : { backups: [backup({ filename: "one.dump" })], total: 2, next: "CURSOR" },
  });
  show(<BackupManager userRole="ADMIN" />);
  expect(await screen.findByText("1 of 2 backups")).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Load more" }));
  expect(await screen.findByRole("link", { name: "two.dump" })).toBeTruthy();
  expect(asked.some((a) => a.query.get("cursor") === "CURSOR")).toBe(true);
  expect(screen.queryByRole("button", { name: "Load more" })).toBeNull();
});

test("several are selected with their number and bytes; one that runs cannot be", async () => {
  const list = [backup({ filename: "a.dump", size: 1 << 20 }), backup({ filename: "b.dump", size: 1 << 20 }), backup({ filename: "c.dump", status: "in_progress", size: 0 })];
  serve(answers({ backups: list, total: 3 }));
  show(<BackupManager userRole="ADMIN" />);
  await userEvent.click(await screen.findByRole("checkbox", { name: "Select all that are shown" }));
  const region = screen.getByRole("region", { name: "Selection" });
  expect(region.textContent).toContain("2 selected, 2.0");
  expect(screen.getByRole<HTMLInputElement>("checkbox", { name: "Select c.dump" }).disabled).toBe(true);
  await userEvent.click(within(region).getByRole("button", { name: "Delete selected…" }));
  expect((await screen.findByRole("dialog")).textContent).toContain("Delete 2 backups?");
});

test("an empty list invites to the first backup, a failing one offers to try again", async () => {
  serve(answers({ backups: [], total: 0 }));
  const { unmount } = show(<BackupManager userRole="ADMIN" />);
  expect(await screen.findByRole("link", { name: "Create the first backup" })).toBeTruthy();
  unmount();
  serve({ "GET /api/metrics/summary": () => metrics(), "GET /api/backup/list": () => problem(500, { code: "FileSystemError", reason: "bucket_missing", detail: "the bucket backups is not there", hint: "Create it." }) });
  show(<BackupManager userRole="ADMIN" />);
  const alerts = await screen.findAllByText("The bucket does not exist");
  expect(alerts.length).toBeGreaterThan(0);
  expect(screen.getAllByText("Create it.").length).toBeGreaterThan(0);
  expect(screen.getAllByRole("button", { name: "Try again" }).length).toBeGreaterThan(0);
});

test("a quota is told with what is used of it", () => {
  serve({});
  show(<Tiles source={undefined} metrics={metrics()} />);
  expect(screen.getByText(/50% of the quota of 10\.0/)).toBeTruthy();
});

test("the strip says in words what its cells show", async () => {
  serve(answers(undefined, metrics({ trend: [
    day({ date: "2026-11-18", succeeded: 1, failed: 1, bytes: 1 }),
    day({ date: "2026-11-19", missed: 1 }),
    day({ date: "2026-11-20" }),
    day({ date: "2026-11-21", succeeded: 1, missed: 2, bytes: 1 }),
    day({ date: "2026-11-22", succeeded: 2, damaged: 1, bytes: 1 }),
    day({ date: "2026-11-23", interrupted: 1 }),
    day({ date: "2026-11-24", canceled: 1 }),
  ] })));
  show(<BackupManager userRole="ADMIN" />);
  const strip = await screen.findByRole("list", { name: "The last 30 days" });
  const cells = within(strip).getAllByRole("listitem");
  expect(cells.map((c) => c.className)).toEqual(["cell bad failed", "cell warn missed", "cell none none", "cell warn missed", "cell bad failed", "cell bad failed", "cell none canceled"]);
  expect(within(strip).getByRole("link", { name: "Nov 18, 2026: 1 succeeded, 1 failed" }).getAttribute("href")).toBe("#/?day=2026-11-18");
  expect(within(strip).getByRole("img", { name: "Nov 19, 2026: 1 missed" })).toBeTruthy();
  expect(within(strip).getByRole("img", { name: "Nov 20, 2026: No run" })).toBeTruthy();
  expect(within(strip).getByRole("link", { name: "Nov 21, 2026: 1 succeeded, 2 missed" })).toBeTruthy();
  expect(within(strip).getByRole("link", { name: "Nov 22, 2026: 2 succeeded, 1 damaged" })).toBeTruthy();
  expect(within(strip).getByRole("link", { name: "Nov 23, 2026: 1 interrupted" })).toBeTruthy();
  expect(within(strip).getByRole("link", { name: "Nov 24, 2026: 1 canceled" })).toBeTruthy();
});

test("missed runs count in the success rate", () => {
  serve({});
  show(<Tiles source={undefined} metrics={metrics({ total: 1, succeeded: 1, failed: 0, canceled: 3, missed: 29, successRate: 1 / 30 })} />);
  const tile = screen.getByRole("heading", { name: "Success rate, 30 days" }).closest(".tile")!;
  expect(tile.textContent).toContain("3.3%1 of 30 runs, 29 missed");
  expect(tile.className).toContain("warn");
});

test("charts have their figures in a table, with what departs from the median", async () => {
  const list = Array.from({ length: 6 }, (_, i) => backup({ size: i === 2 ? 9 << 20 : 1 << 20, createdAt: new Date(Date.now() - (i + 1) * 86_400_000).toISOString() }));
  serve(answers({ backups: list, total: 6 }));
  show(<BackupManager userRole="ADMIN" />);
  const table = await screen.findByRole("table", { name: "Size" });
  const marked = within(table).getAllByRole("row").filter((r) => r.textContent!.includes("far from the median"));
  expect(marked).toHaveLength(1);
  expect(marked[0]!.textContent).toContain("9.0");
});

test("lines of a chart are apart by source and what it holds", () => {
  const list = [backup({ source: "crm" }), backup({ whole: false, content: "schema" }), backup(), backup()];
  expect(seriesOf(list, (b) => b.size, (b) => partText(en, b)).map((s) => [s.name, s.points.length])).toEqual([["shop", 2], ["shop (schema only)", 1], ["crm", 1]]);
});

test("rows mark a part, a backup that shrank, and how one ended", async () => {
  const list = [
    backup({ filename: "part.dump", source: "loja", database: "loja", whole: false, content: "schema" }),
    backup({ filename: "small.dump", size: 4 << 20, previousSize: 10 << 20, shrunk: true }),
    backup({ filename: "stopped.dump", status: "failed", outcome: "canceled", error: { code: "CanceledError", reason: "canceled_by_user", message: "x" } }),
    backup({ filename: "died.dump", status: "failed", outcome: "interrupted", error: { code: "InternalError", reason: "run_lost", message: "x" } }),
    backup({ filename: "tags.dump" }), // known from its tags alone
  ];
  for (const b of list.slice(2)) delete b.verification;
  serve(answers({ backups: list, total: 5 }));
  show(<BackupManager userRole="ADMIN" />);
  const row = async (name: string) => (await screen.findByRole("link", { name })).closest("tr")!;
  expect((await row("part.dump")).querySelector(".file")!.textContent).toBe("part.dumplojaPartial schema only");
  expect((await row("small.dump")).querySelector(".change.goes")!.textContent).toBe("-60% Half the size of the one before, or less");
  const badge = async (name: string) => [(await row(name)).querySelector(".state .badge")!.className, (await row(name)).querySelector(".state")!.textContent];
  expect(await badge("stopped.dump")).toEqual(["badge none", "Canceled"]);
  expect(await badge("died.dump")).toEqual(["badge bad", "Interrupted"]);
  expect(await badge("tags.dump")).toEqual(["badge warn", "Unverified"]);
  expect(within(await row("part.dump")).getByText("Partial").title).toBe("Does not hold the whole database");
});

test("the days are the reader's; a server that does not know the zone is asked without, and its days are named", async () => {
  let known = true;
  const asked = serve({ ...answers(), "GET /api/metrics/summary": (a: { query: URLSearchParams }) => {
    const zone = a.query.get("tz");
    if (zone && !known) return problem(400, { code: "ValidationError", reason: "invalid_input", detail: "there is no time zone" });
    return metrics({ timeZone: zone ?? "UTC" });
  } });
  const { unmount } = show(<BackupManager userRole="ADMIN" />);
  expect(await screen.findByText("today")).toBeTruthy();
  expect(asked.find((a) => a.path === "/api/metrics/summary")!.query.get("tz")).toBe("America/Sao_Paulo");
  expect(screen.getAllByText("Times in America/Sao_Paulo (UTC−3)")).toHaveLength(1);
  unmount();
  known = false;
  show(<BackupManager userRole="ADMIN" />);
  expect(await screen.findByText("today (UTC)")).toBeTruthy();
});
