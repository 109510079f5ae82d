import { act, fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { partText } from "../components/Part";
import { en } from "../i18n/en";
import { backup, day, hoursAgo, metrics, problem, serve, show, source } from "../test/world";
import { BackupManager } from "./BackupManager";
import { seriesOf } from "./home/Charts";

/** row finds a backup's row by its file's name, which stands in its link's title. */
const row = async (filename: string) => (await screen.findByTitle(filename)).closest("tr")!;
const plain = (e: Element) => e.textContent!.replace(/[\u00a0\u202f]/g, " ");

const answers = (list: object = { backups: [backup({ filename: "one.dump", previousSize: 1024, size: 2048 })], total: 1 }, m = metrics()) => ({
  "GET /api/metrics/summary": () => m,
  "GET /api/backup/list": (a: { query: URLSearchParams }) => (a.query.get("status") === "in_progress" ? { backups: [], total: 0 } : list),
});

test("a row tells whose it is, when, its size with its change, how long it took and how far it was looked into, and nothing that is true of all", async () => {
  serve(answers());
  show(<BackupManager userRole="ADMIN" />);
  const one = await row("one.dump");
  expect([...one.cells].map(plain)).toEqual(["", "Verified", "shop", "Nov 19, 23:00", "2.0 kB", "+100%", "1 min 01 s", "verified", "", ""]);
  expect(within(one).getByRole("link", { name: "shop, Nov 19, 23:00" })).toBeTruthy(); // local
  expect(one.querySelector("time")!.title).toMatch(/Nov 20, 2026, 02:00:00 UTC/);
});

test("a row shows in dots how far it was looked into, and says it in words with dates", async () => {
  const at = "2026-11-20T10:00:00Z";
  const damaged = { ok: false, level: "full" as const, at }, proven = { ok: true, level: "proven_in_part" as const, at }, stream = { ok: true, level: "stream" as const, at };
  const failed = backup({ filename: "failed.dump", status: "failed" });
  delete failed.verification;
  serve(answers({ backups: [backup({ filename: "new.dump", verification: stream }), backup({ filename: "old.dump", verification: damaged, verifications: [proven, damaged, stream] }), failed], total: 3 }));
  show(<BackupManager userRole="ADMIN" />, { language: "pt-BR" });
  const mark = async (name: string) => within(await row(name)).queryByRole("img");
  const pips = (of: Element | null) => [...of!.children].map((e) => e.className || "-").join(" ");
  expect(pips(await mark("new.dump"))).toBe("on on - - -");
  expect((await mark("new.dump"))!.getAttribute("aria-label")).toMatch(/^armazenado .*; na criação .*; relido .*: ainda não; restaurado: ainda não; comprovado: ainda não$/);
  expect(pips(await mark("old.dump"))).toBe("on on bad half half");
  expect((await mark("old.dump"))!.title).toMatch(/relido.*, Corrompido .*2026.*; restaurado em parte .*2026.*; comprovado em parte .*2026/); // what was proven was restored for that
  expect(await mark("failed.dump")).toBeNull();
});

test("filters go into the address and into the question to the API", async () => {
  const asked = serve(answers());
  show(<BackupManager userRole="ADMIN" />);
  await row("one.dump");
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
  expect(await row("two.dump")).toBeTruthy();
  expect(asked.some((a) => a.query.get("cursor") === "CURSOR")).toBe(true);
  expect(screen.queryByRole("button", { name: "Load more" })).toBeNull();
});

test("several are selected with their number and bytes; one that runs cannot be", async () => {
  const list = [backup({ filename: "a.dump", size: 1 << 20 }), backup({ filename: "b.dump", size: 1 << 20 }), backup({ filename: "c.dump", status: "in_progress", size: 0 })];
  serve(answers({ backups: list, total: 3 }));
  show(<BackupManager userRole="ADMIN" />);
  await userEvent.click(await screen.findByRole("checkbox", { name: "Select all shown" }));
  const region = screen.getByRole("region", { name: "Selection" });
  expect(region.textContent).toContain("2 selected, 2.0");
  expect(screen.getByRole<HTMLInputElement>("checkbox", { name: "Select c.dump" }).disabled).toBe(true);
  await userEvent.click(within(region).getByRole("button", { name: "Delete selected…" }));
  expect((await screen.findByRole("dialog")).textContent).toContain("Delete 2 backups?");
});

test("a failing list says why, and offers to try again", async () => {
  serve({ "GET /api/metrics/summary": () => metrics(), "GET /api/backup/list": () => problem(500, { code: "FileSystemError", reason: "bucket_missing", detail: "the bucket backups is not there", hint: "Create it." }) });
  show(<BackupManager userRole="ADMIN" />);
  const alerts = await screen.findAllByText("The bucket does not exist");
  expect(alerts.length).toBeGreaterThan(0);
  expect(screen.getAllByText("Create it.").length).toBeGreaterThan(0);
  expect(screen.getAllByRole("button", { name: "Try again" }).length).toBeGreaterThan(0);
});

test("one line tells what is stored of how much, until when, and how many runs were good", async () => {
  serve(answers(undefined, metrics({ total: 1, succeeded: 1, failed: 0, canceled: 3, missed: 29, successRate: 1 / 30, storageForecast: { points: [], disk: false, fullAt: "2027-07-01T12:00:00Z" } })));
  show(<BackupManager userRole="ADMIN" />);
  const [stored, rate] = [...(await screen.findByText(/of the 10\.0/)).closest("ul")!.children];
  expect(plain(stored!)).toBe("5.0 GB stored · 50% of the 10.0 GB quota · full by Jul 1, 2027");
  expect(plain(rate!)).toBe("3.3% of the runs in 30 days · 29 missed");
  expect(rate!.className).toBe("warn");
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
  const strip = await screen.findByRole("list", { name: en.strip.title });
  const cells = within(strip).getAllByRole("listitem");
  expect(cells.map((c) => c.className)).toEqual(["failed", "missed", "none", "missed", "failed", "failed", "canceled"]);
  expect(within(strip).getByRole("link", { name: "Nov 18, 2026: 1 succeeded, 1 failed" }).getAttribute("href")).toBe("#/?source=shop&day=2026-11-18");
  expect(within(strip).getByRole("img", { name: "Nov 19, 2026: 1 missed" })).toBeTruthy();
  expect(within(strip).getByRole("img", { name: "Nov 20, 2026: No run" })).toBeTruthy();
  expect(within(strip).getByRole("link", { name: "Nov 21, 2026: 1 succeeded, 2 missed" })).toBeTruthy();
  expect(within(strip).getByRole("link", { name: "Nov 22, 2026: 2 succeeded, 1 damaged" })).toBeTruthy();
  expect(within(strip).getByRole("link", { name: "Nov 23, 2026: 1 interrupted" })).toBeTruthy();
  expect(within(strip).getByRole("link", { name: "Nov 24, 2026: 1 canceled" })).toBeTruthy();
});

test("charts have their figures in a table, with what departs from the median", async () => {
  const list = Array.from({ length: 6 }, (_, i) => backup({ size: i === 2 ? 9 << 20 : 1 << 20, createdAt: new Date(Date.now() - (i + 1) * 86_400_000).toISOString() }));
  serve(answers({ backups: list, total: 6 }));
  show(<BackupManager userRole="ADMIN" />);
  const table = await screen.findByRole("table", { name: "Size" });
  const marked = within(table).getAllByRole("row").filter((r) => r.textContent!.includes("unusual"));
  expect(marked).toHaveLength(1);
  expect(marked[0]!.textContent).toContain("9.0");
});

test("lines of a chart are apart by source and what it holds", () => {
  const list = [backup({ source: "crm" }), backup({ whole: false, content: "schema" }), backup(), backup()];
  expect(seriesOf(list, (b) => b.size, (b) => partText(en, b)).map((s) => [s.name, s.points.length])).toEqual([["shop", 2], ["shop (schema only)", 1], ["crm", 1]]);
});

test("rows say what is unusual: a part, one that shrank, is pinned or goes, and how one ended", async () => {
  const list = [
    backup({ filename: "part.dump", source: "loja", database: "loja", whole: false, content: "schema" }),
    backup({ filename: "small.dump", size: 4 << 20, previousSize: 10 << 20, shrunk: true }),
    backup({ filename: "pinned.dump", retention: { removed: false, onlyVerified: false, reasons: [{ code: "locked", text: "x" }] } }),
    backup({ filename: "old.dump", retention: { removed: true, onlyVerified: false, reasons: [{ code: "expired", text: "x" }] } }),
    backup({ filename: "bad.dump", verification: { ok: false, level: "full", at: "2026-11-20T10:00:00Z", problems: [{ reason: "checksum_mismatch", detail: "x" }] } }),
    backup({ filename: "stopped.dump", status: "failed", outcome: "canceled", error: { code: "CanceledError", reason: "canceled_by_user", message: "x" } }),
    backup({ filename: "died.dump", status: "failed", outcome: "interrupted", error: { code: "InternalError", reason: "run_lost", message: "x" } }),
    backup({ filename: "tags.dump" }), // known from its tags alone
  ];
  for (const b of list.slice(5)) delete b.verification;
  serve(answers({ backups: list, total: 8 }));
  show(<BackupManager userRole="ADMIN" />);
  const told = async (name: string) => [(await row(name)).querySelector(".c-state > span")!.className.slice(5), (await row(name)).querySelector(".c-state")!.textContent, (await row(name)).querySelector(".c-why")!.textContent];
  expect((await row("part.dump")).querySelector(".c-source")!.textContent).toBe("lojaPartial");
  expect(await told("part.dump")).toEqual(["ok", "Verified", "schema only"]);
  expect((await row("small.dump")).querySelector(".change.goes")!.textContent).toBe("−60% Half the size of the one before, or less");
  expect(await told("pinned.dump")).toEqual(["ok", "Verified", "pinned"]);
  expect(await told("old.dump")).toEqual(["ok", "Verified", "removed by the next cleanup"]);
  expect(await told("bad.dump")).toEqual(["bad", "Damaged", en.reasons.checksum_mismatch]);
  expect(await told("stopped.dump")).toEqual(["none", "Canceled", en.reasons.canceled_by_user]);
  expect(await told("died.dump")).toEqual(["bad", "Interrupted", en.reasons.run_lost]);
  expect(await told("tags.dump")).toEqual(["warn", "Unverified", ""]);
  for (const [name, tinted] of [["bad.dump", true], ["died.dump", true], ["stopped.dump", false], ["part.dump", false]] as const) expect((await row(name)).className.includes("hot bad"), name).toBe(tinted);
});

const openMenu = async (filename: string) => {
  await userEvent.click(within(await row(filename)).getByRole("button", { name: /^Actions: / }));
  return (await within(await screen.findByRole("menu")).findAllByRole("menuitem")).map((x) => x.textContent);
};

test("a menu offers what helps first, and never a damaged or failed one for download", async () => {
  const good = "01JZ8Q4M9T4Y3V6K2W1X0NAAAB";
  const list = [
    backup({ filename: "good.dump" }), backup({ filename: "bad.dump", verification: { ok: false, level: "full", at: "2026-11-20T10:00:00Z" } }),
    backup({ filename: "failed.dump", status: "failed", error: { code: "BackupCreationError", message: "x" } }), backup({ filename: "now.dump", status: "in_progress", size: 0 }),
  ];
  serve(answers({ backups: list, total: 4 }));
  show(<BackupManager userRole="ADMIN" />);
  expect(await openMenu("good.dump")).toEqual(["Details", "Restore…", "Download…", "Delete…"]);
  await userEvent.keyboard("{Escape}");
  expect(document.activeElement).toBe(within(await row("good.dump")).getByRole("button"));
  expect(await openMenu("bad.dump")).toEqual(["See what was found", "Back up again", "Last good one", "Delete…"]);
  await userEvent.keyboard("{Escape}");
  expect(await openMenu("failed.dump")).toEqual(["See why it failed", "Try again", "Last good one", "Delete…"]);
  expect(screen.getByRole("menuitem", { name: "Last good one" }).getAttribute("href")).toBe(`#/backups/${good}`);
  await userEvent.keyboard("{Escape}");
  expect(await openMenu("now.dump")).toEqual(["Watch"]);
});

test("a menu is gone through by the arrow keys and by letters, and what it opens gives the focus back", async () => {
  serve(answers());
  show(<BackupManager userRole="ADMIN" />);
  await openMenu("one.dump");
  const focused = () => document.activeElement!.textContent;
  expect(focused()).toBe("Details");
  await userEvent.keyboard("{ArrowDown}");
  expect(focused()).toBe("Restore…");
  await userEvent.keyboard("{ArrowUp}{ArrowUp}");
  expect(focused()).toBe("Delete…");
  await userEvent.keyboard("{Home}");
  expect(focused()).toBe("Details");
  await userEvent.keyboard("d");
  expect(focused()).toBe("Download…");
  await userEvent.keyboard("d{Enter}");
  expect((await screen.findByRole("dialog")).textContent).toContain("Delete this backup?");
  expect(screen.queryByRole("menu")).toBeNull();
});

test("what a role may not do is not in the menu", async () => {
  serve(answers());
  show(<BackupManager userRole="SUPERVISOR" />, { permissions: ["list", "download"] });
  expect(await openMenu("one.dump")).toEqual(["Details", "Download…"]);
});

test("a failed one is made again with the options that it had", async () => {
  const again = backup({ status: "in_progress" });
  const asked = serve({ ...answers({ backups: [backup({ filename: "failed.dump", status: "failed", format: "plain", error: { code: "BackupCreationError", message: "x" } })], total: 1 }), "POST /api/backup/create": () => again });
  show(<BackupManager userRole="ADMIN" />);
  await openMenu("failed.dump");
  await userEvent.click(screen.getByRole("menuitem", { name: "Try again" }));
  await waitFor(() => expect(location.hash).toBe(`#/backups/${again.id}`));
  const made = asked.find((a) => a.path === "/api/backup/create")!;
  expect(made.body).toMatchObject({ options: { database: "shop", format: "plain" } });
  expect(made.headers.get("Idempotency-Key")).toMatch(/^[0-9a-f-]{36}$/);
});

test("the tab key comes to one row of the list, and the arrow keys go from row to row", async () => {
  serve(answers({ backups: Array.from({ length: 12 }, (_, i) => backup({ filename: `b${i}.dump` })), total: 12 }));
  show(<BackupManager userRole="ADMIN" />);
  const table = await screen.findByRole("table", { name: "Backups" });
  const stops = () => [...table.querySelectorAll("tbody [tabindex='0']")].map((e) => (e as HTMLElement).dataset["part"]);
  expect(stops()).toEqual(["box", "link", "menu"]);
  const links = within(table).getAllByRole("link");
  links[0]!.focus();
  await userEvent.keyboard("{ArrowDown}{ArrowDown}");
  expect(document.activeElement).toBe(links[2]);
  expect(links.map((l) => l.tabIndex).filter((x) => x === 0)).toHaveLength(1);
  await userEvent.keyboard("{End}");
  expect(document.activeElement).toBe(links[11]);
  await userEvent.keyboard("{PageUp}");
  expect(document.activeElement).toBe(links[1]);
  // From a menu's button to the next one.
  within(table).getAllByRole("button", { name: /^Actions/ })[1]!.focus();
  await userEvent.keyboard("{ArrowUp}");
  expect(document.activeElement).toBe(within(table).getAllByRole("button", { name: /^Actions/ })[0]);
});

test("the tab key comes to one day of the strip, the last, and the arrow keys go from day to day", async () => {
  serve(answers(undefined, metrics({ trend: Array.from({ length: 5 }, (_, i) => day({ date: `2026-11-1${i}`, succeeded: i % 2 })) })));
  show(<BackupManager userRole="ADMIN" />);
  const strip = await screen.findByRole("list", { name: en.strip.title });
  expect(strip.querySelectorAll("[tabindex='0']")).toHaveLength(1);
  strip.querySelector<HTMLElement>("[tabindex='0']")!.focus();
  expect(document.activeElement!.getAttribute("aria-label")).toBe("Nov 14, 2026: No run");
  await userEvent.keyboard("{ArrowLeft}");
  expect(document.activeElement!.getAttribute("aria-label")).toBe("Nov 13, 2026: 1 succeeded");
  await userEvent.keyboard("{Home}");
  expect(document.activeElement!.getAttribute("aria-label")).toBe("Nov 10, 2026: No run");
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

const withGap = () => {
  const list = [1, 2, 4, 5].map((ago) => backup({ size: ago << 20, createdAt: hoursAgo(ago * 24) }));
  const date = (ago: number) => { const d = new Date(Date.now() - ago * 86_400_000); return `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, "0")}-${String(d.getDate()).padStart(2, "0")}`; };
  const trend = [5, 4, 3, 2, 1].map((ago) => day({ date: date(ago), succeeded: ago === 3 ? 0 : 1, missed: ago === 3 ? 1 : 0 }));
  const forecast = { backups: 9, since: hoursAgo(200), size: { now: 1 << 20, perDay: 1000 }, duration: { now: 61_000, perDay: 0 }, reached: [] };
  return answers({ backups: list, total: 4 }, metrics({ trend, sources: [source({ trend, forecast })] }));
};

test("no line is drawn over a day on which nothing ran: it is marked, and the guide line tells of it", async () => {
  serve(withGap());
  show(<BackupManager userRole="ADMIN" />);
  const chart = (await screen.findByRole("group", { name: "Size" })).closest("figure")!;
  expect(chart.querySelectorAll(".s0 polyline")).toHaveLength(2);
  expect(chart.querySelectorAll("svg:not(.sample) .gap")).toHaveLength(1);
  expect(plain(chart.querySelector(".legend")!)).toContain("forecast");
  expect(plain(chart.querySelector(".legend")!)).toContain("nothing ran");
  const plot = within(chart).getByRole("group");
  const tip = within(plot).getByRole("status", { hidden: true });
  fireEvent.focus(plot);
  expect(plain(tip)).toMatch(/forecast: .* to .*MB/);
  await userEvent.keyboard("{Tab}");
  plot.focus();
  await userEvent.keyboard("{ArrowLeft}");
  expect(plain(tip)).toMatch(/1\.0 MB/);
  await userEvent.keyboard("{ArrowLeft}{ArrowLeft}");
  expect(plain(tip)).toMatch(/missed/);
  await userEvent.keyboard("{ArrowLeft}{Enter}");
  expect(location.hash).toMatch(/^#\/backups\//);
});

test("two lines with the same values do not hide each other: forms and rings differ, and the legend draws them", async () => {
  const same = (name: string) => [1, 2, 3].map((ago) => backup({ source: name, size: 1 << 20, createdAt: hoursAgo(ago * 24) }));
  serve(answers({ backups: [...same("a"), ...same("b")], total: 6 }, metrics({ sources: [source({ source: "a" }), source({ source: "b" })] })));
  show(<BackupManager userRole="ADMIN" />);
  const chart = (await screen.findByRole("group", { name: "Size" })).closest("figure")!;
  const radii = [".s0", ".s1"].map((s) => chart.querySelector(`svg:not(.sample) ${s} circle`)!.getAttribute("r"));
  expect(new Set(radii).size).toBe(2);
  expect([...chart.querySelectorAll(".legend .sample.series")].map((s) => [s.classList[2], s.querySelector("circle")!.getAttribute("r"), s.parentElement!.textContent])).toEqual([["s0", radii[0], "b"], ["s1", radii[1], "a"]]);
});

test("nothing is asked behind other tabs, and the title says there of which time it is; whoever comes back gets it anew", async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const hide = (hidden: boolean) => {
    vi.spyOn(document, "visibilityState", "get").mockReturnValue(hidden ? "hidden" : "visible");
    vi.spyOn(document, "hidden", "get").mockReturnValue(hidden);
    document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
  };
  try {
    const asked = serve(answers());
    show(<BackupManager userRole="ADMIN" />);
    await screen.findByRole("heading", { level: 1, name: /^All good/ });
    expect(document.title).toMatch(/^All good: [^(]* · cofre$/);
    act(() => hide(true));
    expect(document.title).toMatch(/^All good: .* \([A-Z][a-z]{2} \d.*\) · cofre$/);
    const before = asked.length;
    await act(() => vi.advanceTimersByTimeAsync(3_600_000));
    expect(asked.slice(before).map((a) => a.path)).toEqual([]);
    act(() => hide(false));
    await vi.waitFor(() => expect(asked.slice(before).map((a) => a.path)).toContain("/api/metrics/summary"));
    expect(document.title).not.toContain("(");
    await act(() => vi.advanceTimersByTimeAsync(60_000));
    expect(asked.filter((a) => a.path === "/api/metrics/summary").length).toBeGreaterThan(2);
  } finally {
    vi.useRealTimers();
  }
});

test("what has problems, and what is pinned, the API is asked for; rows that were lost are said", async () => {
  const asked = serve(answers({ backups: [backup({ filename: "lost.dump", contents: { known: true, readable: true, lost: 2 } as never })], total: 1 }));
  show(<BackupManager userRole="ADMIN" />);
  expect((await row("lost.dump")).textContent).toContain("2 tables lost many rows");
  const which = screen.getByRole("group", { name: "Which backups" });
  const last = () => asked.filter((a) => a.path === "/api/backup/list" && a.query.get("status") !== "in_progress" && a.query.get("status") !== "success").at(-1)!.query.toString();
  await userEvent.click(within(which).getByRole("button", { name: "With problems" }));
  await waitFor(() => expect(last()).toContain("problems=true"));
  expect(location.hash).toBe("#/?problems=true");
  await userEvent.click(within(which).getByRole("button", { name: "Pinned" }));
  await waitFor(() => expect(last()).toContain("pinned=true"));
  expect(last()).not.toContain("problems");
  expect(within(which).getByRole("button", { name: "Pinned" }).getAttribute("aria-pressed")).toBe("true");
  await userEvent.click(within(which).getByRole("button", { name: "All" }));
  await waitFor(() => expect(location.hash).toBe("#/"));
});
