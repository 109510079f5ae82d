import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { en } from "../i18n/en";
import { ptBR } from "../i18n/pt-BR";
import { screensEn } from "../i18n/screens.en";
import { screensPtBR } from "../i18n/screens.pt-BR";
import { backup, metrics, problem, serve, show, source } from "../test/world";
import { BackupProgress } from "./BackupProgress";
import { CleanupPreview, Items } from "./CleanupPreview";
import { CreateBackupForm, optionsOf, blank, wrongDirectory, wrongName } from "./CreateBackupForm";
import { HealthScreen } from "./HealthScreen";
import { RunningBackup } from "./RunningBackup";
import { SettingsScreen } from "./SettingsScreen";

const settings = (change: object = {}) => ({
  settings: { maxBackups: 5, retentionDays: 30, defaultDirectory: "nightly" },
  limits: { maxConcurrent: 2, allowedDirectories: [], compress: true, encryptBackups: false, database: "shop", ...change },
});

test("the form says in plain words and as a command what it will do", async () => {
  const asked = serve({ "GET /api/backup/settings": () => settings(), "GET /api/metrics/summary": () => metrics(), "POST /api/backup/create": () => Response.json(backup({ status: "in_progress" }), { status: 202 }) });
  const created = vi.fn();
  show(<CreateBackupForm onBackupCreated={created} />);
  await userEvent.click(await screen.findByRole("radio", { name: /Schema only/ }));
  await userEvent.type(screen.getByRole("textbox", { name: "File name" }), "before upgrade");
  expect(screen.getByText(/Dumps the schema of shop, without rows/)).toBeTruthy();
  expect(screen.getByText(/Kept for 30 days/)).toBeTruthy();
  expect(screen.getByText(/5 most recent successful backups of each source are kept/)).toBeTruthy();
  expect(screen.getByText("cofre create -n 'before upgrade' --schema-only")).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Start backup" }));
  await waitFor(() => expect(created).toHaveBeenCalledOnce());
  expect(asked.find((a) => a.method === "POST")!.body).toEqual({ options: { filename: "before upgrade", includeData: false } });
});

test("a name's ending that asks for a script or an archive is believed, as the API does", async () => {
  serve({ "GET /api/backup/settings": () => settings(), "GET /api/metrics/summary": () => metrics() });
  show(<CreateBackupForm onBackupCreated={() => {}} />);
  await userEvent.type(await screen.findByRole("textbox", { name: "File name" }), "x.SQL.gz");
  expect(screen.getByText(/The result is one SQL script/)).toBeTruthy();
  expect(screen.queryByText(/The result is one custom-format/)).toBeNull();
});

test("sent again after a lost answer it is the same request, changed it is another", async () => {
  let lost = true;
  const asked = serve({ "GET /api/backup/settings": () => settings(), "GET /api/metrics/summary": () => metrics(), "POST /api/backup/create": () => {
    if (lost) throw new TypeError("network");
    return Response.json(backup(), { status: 202 });
  } });
  show(<CreateBackupForm onBackupCreated={() => {}} />);
  await userEvent.click(await screen.findByRole("button", { name: "Start backup" }));
  const again = await screen.findByRole("button", { name: "Try again" });
  lost = false;
  await userEvent.click(again);
  await userEvent.type(screen.getByRole("textbox", { name: "File name" }), "x");
  await userEvent.click(screen.getByRole("button", { name: "Start backup" }));
  await waitFor(() => expect(asked.filter((a) => a.method === "POST")).toHaveLength(3));
  const [first, second, third] = asked.filter((a) => a.method === "POST").map((a) => a.headers.get("Idempotency-Key"));
  expect(second).toBe(first);
  expect(third).not.toBe(first);
});

test("only allowed directories are offered", async () => {
  serve({ "GET /api/backup/settings": () => settings({ allowedDirectories: ["nightly", "manual"] }), "GET /api/metrics/summary": () => metrics() });
  show(<CreateBackupForm onBackupCreated={() => {}} />);
  const select = await screen.findByRole("combobox", { name: "Folder" });
  expect(within(select).getAllByRole("option").map((o) => o.textContent)).toEqual(["nightly (default)", "manual"]);
});

test("names that the API would refuse are refused at once", () => {
  for (const name of ["a/b", "a:b", ".hidden", "-flag", "dot.", 'q"', "x".repeat(201)]) expect(wrongName(screensEn, name), name).toBeTruthy();
  for (const name of ["", "ok", "Ação 1.dump", "a-b_c"]) expect(wrongName(screensEn, name), name).toBeUndefined();
  for (const path of ["/a", "a//b", "../x", "a/-b", Array(11).fill("a").join("/")]) expect(wrongDirectory(screensEn, path), path).toBeTruthy();
  expect(wrongDirectory(screensEn, "a/b/c")).toBeUndefined();
});

test.each(["en", "pt-BR"] as const)("a label with a value and no name is refused at its field (%s)", async (language) => {
  const { create } = language === "en" ? screensEn : screensPtBR;
  const asked = serve({ "GET /api/backup/settings": () => settings(), "GET /api/metrics/summary": () => metrics(), "POST /api/backup/create": () => Response.json(backup(), { status: 202 }) });
  show(<CreateBackupForm onBackupCreated={() => {}} />, { language });
  await userEvent.click(await screen.findByText(create.more));
  await userEvent.click(screen.getByRole("button", { name: create.labels.add }));
  const key = screen.getByRole("textbox", { name: create.labels.keyOf(1) });
  const submit = screen.getByRole<HTMLButtonElement>("button", { name: create.start });
  expect(submit.disabled).toBe(false); // an empty row asks for nothing
  await userEvent.type(screen.getByRole("textbox", { name: create.labels.valueOf(1) }), "audit");
  const described = document.getElementById(key.getAttribute("aria-describedby")!)!;
  expect(described.textContent).toBe(language === "en" ? "Enter a key for this value." : "Informe a chave deste valor.");
  expect([key.getAttribute("aria-invalid"), submit.disabled]).toEqual(["true", true]);
  // What is wrong cannot be folded away.
  const fold = key.closest("details")!;
  fold.open = false;
  await waitFor(() => expect(fold.open).toBe(true));
  await userEvent.type(screen.getByRole("textbox", { name: create.filename }), "x{Enter}");
  expect(asked.some((a) => a.method === "POST")).toBe(false);
  await userEvent.type(key, "why");
  expect(key.getAttribute("aria-describedby")).toBeNull();
  // Nor does one take another one's place.
  await userEvent.click(screen.getByRole("button", { name: create.labels.add }));
  const twin = screen.getByRole("textbox", { name: create.labels.keyOf(2) });
  await userEvent.type(twin, " why");
  expect([document.getElementById(twin.getAttribute("aria-describedby")!)!.textContent, submit.disabled]).toEqual([create.labels.twice, true]);
  expect(key.getAttribute("aria-invalid")).toBe("false");
  await userEvent.clear(twin);
  await userEvent.click(submit);
  await waitFor(() => expect(asked.find((a) => a.method === "POST")?.body).toEqual({ options: { filename: "x", labels: { why: "audit" } } }));
});

const databases = { "GET /api/database/list": () => ({ databases: ["crm", "shop"] }) };

test.each([["en", "shop (default)"], ["pt-BR", "shop (padrão)"]] as const)("the form offers the server's databases, and asks under which name (%s)", async (language, first) => {
  const words = language === "en" ? { ...en, ...screensEn } : { ...ptBR, ...screensPtBR };
  const asked = serve({ ...databases, "GET /api/backup/settings": () => settings({ source: "prod" }), "GET /api/metrics/summary": () => metrics(), "POST /api/backup/create": () => Response.json(backup(), { status: 202 }) });
  show(<CreateBackupForm onBackupCreated={() => {}} />, { language });
  const select = await screen.findByRole("combobox", { name: words.create.database });
  await waitFor(() => expect(within(select).getAllByRole("option").map((o) => o.textContent)).toEqual([first, "crm"]));
  const source = screen.getByRole<HTMLInputElement>("combobox", { name: words.columns.source });
  expect(source.placeholder).toBe("prod");
  await userEvent.selectOptions(select, "crm");
  expect(source.placeholder).toBe("crm");
  await userEvent.type(source, "crm-lisbon");
  expect(screen.getByText("cofre create --database crm --source crm-lisbon")).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: words.create.start }));
  await waitFor(() => expect(asked.find((a) => a.method === "POST")?.body).toEqual({ options: { database: "crm", source: "crm-lisbon" } }));
});

test("where several sources are configured one is chosen, by the address too, and brings its own database", async () => {
  const asked = serve({
    ...databases, "GET /api/backup/settings": () => settings({ source: "shop" }), "POST /api/backup/create": () => Response.json(backup(), { status: 202 }),
    "GET /api/metrics/summary": () => metrics({ sources: [source(), source({ source: "crm" }), source({ source: "old", configured: false })] }),
  });
  history.replaceState(null, "", "#/new?source=crm");
  show(<CreateBackupForm onBackupCreated={() => {}} />);
  await screen.findByText("Which of the sources is backed up. Each has its own server and database.");
  const select = screen.getByRole<HTMLSelectElement>("combobox", { name: "Source" });
  await waitFor(() => expect(within(select).queryAllByRole("option").map((o) => o.textContent)).toEqual(["shop (default)", "crm"]));
  expect(select.value).toBe("crm");
  expect(screen.queryByRole("combobox", { name: "Database" })).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Start backup" }));
  await waitFor(() => expect(asked.find((a) => a.method === "POST")?.body).toEqual({ options: { source: "crm" } }));
  await userEvent.selectOptions(select, "");
  expect(screen.getByRole("combobox", { name: "Database" })).toBeTruthy();
});

test("where the databases cannot be listed it is said why, and the name is typed; what is refused is told", async () => {
  const asked = serve({
    "GET /api/backup/settings": () => settings(), "GET /api/metrics/summary": () => metrics(),
    "GET /api/database/list": () => problem(422, { code: "DatabaseConnectionError", reason: "port_refused", detail: "connect to db port 5432: refused" }),
    "POST /api/backup/create": () => problem(422, { code: "DatabaseConnectionError", reason: "database_missing", detail: 'there is no database "shpo"', hint: "Check its name." }),
  });
  show(<CreateBackupForm onBackupCreated={() => {}} />);
  expect(await screen.findByText(/databases cannot be listed: Database connection refused/)).toBeTruthy();
  expect(screen.getByText("connect to db port 5432: refused").lang).toBe("en");
  await userEvent.type(screen.getByRole("textbox", { name: "Database" }), "shpo");
  await userEvent.click(screen.getByRole("button", { name: "Start backup" }));
  expect(await screen.findByText("The database does not exist")).toBeTruthy();
  expect(screen.getByText("Check its name.")).toBeTruthy();
  expect(asked.find((a) => a.method === "POST")!.body).toEqual({ options: { database: "shpo" } });
});

test("what is left as it is, is not asked for", () => {
  expect(optionsOf(blank, "shop")).toEqual({});
  expect(optionsOf({ ...blank, database: "shop" }, "shop")).toEqual({});
  expect(optionsOf({ ...blank, content: "data", format: "plain", encrypt: "no", labels: [{ key: " k ", value: "v" }, { key: "", value: "x" }] }, undefined)).toEqual({ includeSchema: false, format: "plain", encrypt: false, labels: { k: "v" } });
});

test("a percentage is shown only when there is one", () => {
  const detail = { phase: "uploading", attempt: 2, engine: "parallel", jobs: 2, pieces: 12, piecesWritten: 3, dumpBytes: 10 << 20, bytes: 5 << 20, bytesPerSec: 2 << 20, startedAt: new Date().toISOString(), updatedAt: "" };
  show(<BackupProgress isActive progress={42} message={undefined} detail={detail} startedAt={detail.startedAt} />);
  expect(screen.getByRole("progressbar").getAttribute("value")).toBe("42");
  expect(screen.getByText("42%")).toBeTruthy();
  expect(screen.getByText(/Attempt 2/)).toBeTruthy();
  expect(document.querySelector("[aria-live=polite]")!.textContent).toBe("Uploading, 40%");
  expect(document.body.textContent!.replace(/\u00a0/g, " ")).toContain("2.0 MB/s");
  expect(document.body.textContent).toContain("over 2 concurrent connections, 3 of 12 pieces");
});

test("what a cleanup keeps is shown in steps where that is very much", async () => {
  const one = { backup: backup(), reasons: [] };
  show(<Items of={Array.from({ length: 700 }, (_, i) => ({ ...one, backup: { ...one.backup, id: String(i) } }))} caption="all" />);
  const shown = () => screen.getByRole("list", { name: "all" }).children.length;
  expect(shown()).toBe(20);
  fireEvent.click(screen.getByText("Load more"));
  expect(shown()).toBe(520);
  fireEvent.click(screen.getByText("Show all 700"));
  expect(shown()).toBe(700);
});

test("a cleanup is shown with its reasons, asked about, and then done", async () => {
  const item = (filename: string, code: string) => ({ backup: backup({ filename, size: 1 << 20 }), reasons: [{ code, text: "x" }] });
  const policy = { keepDays: 30, maxBackups: 0, maxTotalBytes: 0 };
  const leftovers = { failed: [], completed: [], removed: [], problems: [] };
  const asked = serve({
    "POST /api/backup/cleanup": (a) => {
      const body = a.body as { dryRun?: boolean };
      return { dryRun: Boolean(body.dryRun), removed: [item("old.dump", "expired")], kept: [item("new.dump", "newest_verified")], freedBytes: 1 << 20, policy, leftovers };
    },
  });
  show(<CleanupPreview />);
  const goes = await screen.findByRole("list", { name: "Backups to remove" });
  expect(goes.textContent).toContain("old.dump");
  expect(goes.textContent).toContain("past the retention period");
  expect(screen.getByRole("list", { name: "Backups to keep" }).textContent).toContain("most recent verified backup of its source");
  await userEvent.type(screen.getByRole("textbox", { name: "Retention (days)" }), "7");
  await waitFor(() => expect(asked.at(-1)!.body).toEqual({ dryRun: true, days: 7 }));
  await waitFor(() => expect(screen.getByRole<HTMLButtonElement>("button", { name: "Run cleanup…" }).disabled).toBe(false));
  await userEvent.click(screen.getByRole("button", { name: "Run cleanup…" }));
  expect(asked.every((a) => (a.body as { dryRun?: boolean }).dryRun)).toBe(true);
  await userEvent.click(within(screen.getByRole("dialog")).getByRole("button", { name: /^Delete 1 backup/ }));
  expect(await screen.findByText(/1 backup removed/)).toBeTruthy();
  expect(asked.some((a) => !(a.body as { dryRun?: boolean }).dryRun && (a.body as { days?: number }).days === 7)).toBe(true);
});

const cleanup = (removed: number, kept: number) => {
  const items = (count: number, code: string) => Array.from({ length: count }, () => ({ backup: backup(), reasons: [{ code, text: "x" }] }));
  return { dryRun: true, removed: items(removed, "expired"), kept: items(kept, "within_limits"), freedBytes: 1 << 20, policy: { keepDays: 30, maxBackups: 0, maxTotalBytes: 0 }, leftovers: { failed: [], completed: [], removed: [], problems: [] } };
};

test("0 is not a number of days to keep", async () => {
  const asked = serve({ "POST /api/backup/cleanup": () => cleanup(1, 9) });
  show(<CleanupPreview />);
  await screen.findByRole("list", { name: "Backups to remove" });
  await userEvent.type(screen.getByRole("textbox", { name: "Retention (days)" }), "0");
  expect(screen.getByText("Enter a whole number from 1 to 36,500.")).toBeTruthy();
  expect(screen.getByRole<HTMLButtonElement>("button", { name: "Run cleanup…" }).disabled).toBe(true);
  await new Promise((r) => setTimeout(r, 600));
  expect(asked.every((a) => (a.body as { days?: number }).days === undefined)).toBe(true);
});

test.each([[21, 200, true], [20, 200, false], [3, 2, true], [2, 2, false], [1, 0, true]])("%i of them with %i left: the number is typed before they go: %s", async (removed, kept, wanted) => {
  serve({ "POST /api/backup/cleanup": () => cleanup(removed, kept) });
  show(<CleanupPreview />);
  await userEvent.click(await screen.findByRole("button", { name: "Run cleanup…" }));
  const dialog = within(screen.getByRole("dialog"));
  const button = dialog.getByRole<HTMLButtonElement>("button", { name: /^Delete/ });
  expect(button.disabled).toBe(wanted);
  if (!wanted) return expect(dialog.queryByRole("textbox")).toBeNull();
  const field = dialog.getByRole("textbox", { name: `To remove them, type how many they are: ${removed}` });
  await userEvent.type(field, `${removed}0`);
  expect(button.disabled).toBe(true);
  await userEvent.type(field, "{Backspace}");
  expect(button.disabled).toBe(false);
});

test("a preview shows what the numbers that are typed would remove, and keeps the edit", async () => {
  const asked = serve({ "GET /api/backup/settings": () => settings({}), "POST /api/backup/cleanup": () => cleanup(3, 9) });
  show(<SettingsScreen />, { permissions: ["settings_read", "settings_write", "cleanup"] });
  const days = await screen.findByRole<HTMLInputElement>("textbox", { name: "Retention (days)" });
  const count = screen.getByRole<HTMLInputElement>("textbox", { name: "Backups per source" });
  const saved = Number(count.value);
  const preview = async (field: HTMLInputElement, text: string) => {
    await userEvent.clear(field);
    await userEvent.type(field, text);
    await userEvent.click(screen.getByRole("button", { name: "Preview cleanup" }));
    const dialog = within(screen.getByRole("dialog", { name: "What a cleanup would remove with these settings" }));
    expect((await dialog.findByRole("list", { name: "Backups to remove" })).children).toHaveLength(3);
    await userEvent.click(dialog.getByRole("button", { name: "Close" }));
  };
  await preview(days, "7");
  expect(days.value).toBe("7");
  await preview(count, "1");
  await userEvent.clear(days);
  await preview(days, "0"); // which keeps forever, as a setting
  // The chart beside them asks too: by what is saved, and by the same numbers.
  const bodies = asked.filter((a) => a.method !== "GET").map((a) => a.body);
  expect(bodies).toEqual(expect.arrayContaining([[7, saved], [7, 1], [36_500, 1]].map(([days, maxBackups]) => ({ dryRun: true, days, maxBackups }))));
  expect(bodies.every((b) => (b as { dryRun: boolean }).dryRun)).toBe(true);
});

test("limits stand under the names that set them, with how near each source is", async () => {
  const forecast = { backups: 20, since: "2026-11-01T00:00:00Z", size: { now: 5 * 2 ** 30, perDay: 1 }, duration: { now: 1_800_000, perDay: 0 }, reached: [{ limit: "size_limit_near" as const, value: 10 * 2 ** 30, at: "2999-01-02T12:00:00Z" }] };
  serve({
    "GET /api/backup/settings": () => settings({ maxBackupSizeGB: 10, maxDurationSeconds: 3600, maxStorageSizeGB: 0, backupSchedule: "CRON_TZ=Europe/Lisbon 0 2 * * *" }),
    "GET /api/metrics/summary": () => metrics({ sources: [source({ forecast }), source({ source: "crm" }), source({ source: "gone", configured: false })], storageUsedBytes: 2 ** 30, storageLimitBytes: 4 * 2 ** 30 }),
    "GET /api/source/list": () => ({ sources: [{ name: "crm", maxSizeGB: 2, defaulted: [] }], secretsKept: true }),
  });
  show(<SettingsScreen />, { permissions: ["settings_read", "metrics", "list"] });
  const near = await screen.findByRole("list", { name: "How near the sources are to their limits" });
  const [shop, crm, ...more] = [...near.children].map((li) => li.textContent!.replace(/\s/g, " "));
  expect(more).toEqual([]);
  expect(shop).toBe("shopSize: 5.0 GB of 10.0 GB (50%)reached by Jan 2, 2999, if it goes on like thisDuration: 30 min of 1 h (50%)");
  expect(crm).toMatch(/^crmSize: 1 byte of 2\.0 GB \(0%\) \(its own limit\)Duration: not known yet/);
  expect(screen.getByText(/All backups/).textContent).toBe("All backups: 1.0 GB of 4.0 GB (25%)");
  const setBy = (name: string) => [...document.querySelectorAll("dd")].find((d) => d.querySelector(".set-by:last-child")?.textContent === name)?.textContent?.replace(/\s/g, " ");
  expect(setBy("BACKUP_MAX_SIZE_GB")).toBe("10.0 GBBACKUP_MAX_SIZE_GB");
  expect(setBy("PGDUMP_TIMEOUT")).toBe("1 hPGDUMP_TIMEOUT");
  expect(setBy("BACKUP_MAX_STORAGE_SIZE_GB")).toMatch(/^no limit/);
  expect(screen.getByText(/every day at 02:00, Lisbon time/)).toBeTruthy();
});

test("of many sources those nearest to a limit are shown, and all when asked for", async () => {
  const of = (i: number) => source({ source: `s${i}`, forecast: { backups: 20, since: "2026-11-01T00:00:00Z", size: { now: i * 2 ** 30, perDay: 1 }, duration: { now: 1000, perDay: 0 }, reached: [] } });
  serve({
    "GET /api/backup/settings": () => settings({ maxBackupSizeGB: 100 }),
    "GET /api/metrics/summary": () => metrics({ sources: Array.from({ length: 30 }, (_, i) => of(i)) }),
    "GET /api/source/list": () => ({ sources: [], secretsKept: true }),
  });
  show(<SettingsScreen />, { permissions: ["settings_read", "metrics", "list"] });
  const near = await screen.findByRole("list", { name: "How near the sources are to their limits" });
  expect([...near.querySelectorAll("strong")].map((x) => x.textContent)).toEqual(["s29", "s28", "s27", "s26", "s25", "s24"]);
  await userEvent.click(screen.getByRole("button", { name: "Show all 30 sources" }));
  expect(near.children).toHaveLength(30);
});

test("health shows what to do, also when it comes with 503", async () => {
  serve({ "GET /api/health": () => Response.json({ status: "failing", checkedAt: new Date().toISOString(), checks: [
    { name: "database", result: "failed", detail: "refused", hint: "Start the server.", code: "DatabaseConnectionError", reason: "port_refused" },
    { name: "permissions", result: "ok", detail: "fine" },
    { name: "backup_integrity", result: "warning", detail: "1 damaged" },
  ] }, { status: 503 }) });
  show(<HealthScreen />);
  expect(await screen.findByText("A check is failing")).toBeTruthy();
  expect(screen.getByText("Database connection refused")).toBeTruthy();
  expect(screen.getByText("Start the server.")).toBeTruthy();
  expect(screen.getByText(/Create a new backup now/)).toBeTruthy(); // where the API has no hint
});

test("what a check found of several sources is a line each, and says what to do about each that is down", async () => {
  const findings = [
    { result: "failed", source: "shop", text: "shop: connection refused", hint: "Start it.", wordings: [{ language: "pt-BR", text: "shop: conexão recusada", hint: "Ligue-o." }] },
    { result: "ok", source: "books", text: "books: can be read", hint: "Nothing." },
  ];
  serve({ "GET /api/health": () => Response.json({ status: "failing", checkedAt: new Date().toISOString(), checks: [{ name: "database", result: "failed", detail: "shop: connection refused; books: can be read", hint: "Start it.", step: "show_source", source: "shop", findings }] }, { status: 503 }) });
  show(<HealthScreen />, { language: "pt-BR" });
  const lines = (await screen.findByText("shop: conexão recusada")).closest("ul")!.querySelectorAll("li");
  expect([...lines].map((l) => [l.className, l.textContent])).toEqual([["bad", "Falha: shop: conexão recusadaO que fazer: Ligue-o."], ["ok", "OK: books: can be read"]]);
  expect(screen.queryByText(/refused; books/)).toBeNull();
  expect(screen.getByRole("link").getAttribute("href")).toBe("#/settings/sources/shop");
});

test("a warning is not told as all being well", async () => {
  serve({ "GET /api/health": () => ({ status: "ok", checkedAt: new Date().toISOString(), checks: [{ name: "storage_space", result: "warning", detail: "91 % used" }] }) });
  show(<HealthScreen />);
  await screen.findByText("91 % used");
  expect(screen.queryByText("All checks passed")).toBeNull();
  expect(screen.getAllByText("Warning")).toHaveLength(2);
});

test("a run that failed is never said to be done", async () => {
  const b = backup({ status: "in_progress" });
  serve({ "GET /api/backup/status/:id": () => ({ id: b.id, status: "failed", error: { code: "DatabaseConnectionError", reason: "port_refused", message: "refused", hint: "Start it." } }) });
  show(<RunningBackup backup={b} />);
  expect(await screen.findByText("Database connection refused")).toBeTruthy();
  expect(screen.queryByText("Done")).toBeNull();
});

test("settings are shown to who may read, and changed by who may write", async () => {
  let saved = settings();
  const asked = serve({ "GET /api/backup/settings": () => saved, "PUT /api/backup/settings": (a) => (saved = { ...saved, settings: a.body as typeof saved.settings }) });
  const { unmount } = show(<SettingsScreen />, { permissions: ["settings_read"] });
  expect(await screen.findByText("30 days")).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Save" })).toBeNull();
  unmount();
  show(<SettingsScreen />, { permissions: ["settings_read", "settings_write"] });
  const days = await screen.findByRole("textbox", { name: "Retention (days)" });
  const save = () => screen.getByRole<HTMLButtonElement>("button", { name: "Save" });
  expect(save().disabled).toBe(true);
  await userEvent.clear(days);
  await userEvent.type(days, "x");
  expect(screen.getByText("Enter a whole number from 0 to 36,500.")).toBeTruthy();
  expect(save().disabled).toBe(true);
  await userEvent.clear(days);
  await userEvent.type(days, "7");
  expect(screen.getByText(/the next cleanup may remove more/)).toBeTruthy();
  await userEvent.click(save());
  await waitFor(() => expect(asked.find((a) => a.method === "PUT")!.body).toEqual({ retentionDays: 7, maxBackups: 5, defaultDirectory: "nightly" }));
  expect(await screen.findByText("Saved.")).toBeTruthy();
});

test.each([["en", "Changed by another process or person", "Load the current settings", "Retention (days)", "Save"], ["pt-BR", "Alterado por outro processo ou pessoa", "Carregar as atuais", "Retenção (dias)", "Salvar"]] as const)(
  "what somebody else saved meanwhile is not undone unseen (%s)", async (language, why, reload, label, saveLabel) => {
    let days = 30;
    const now = () => Response.json({ ...settings(), settings: { ...settings().settings, retentionDays: days } }, { headers: { ETag: `"v${days}"` } });
    const asked = serve({
      "GET /api/backup/settings": now,
      "PUT /api/backup/settings": (a) => {
        if (a.headers.get("If-Match") !== `"v${days}"`) return problem(412, { code: "ValidationError", reason: "precondition_failed", detail: "the settings were changed by somebody else meanwhile", hint: "Read them again." });
        days = (a.body as { retentionDays: number }).retentionDays;
        return now();
      },
    });
    show(<SettingsScreen />, { permissions: ["settings_read", "settings_write"], language });
    const type = async (n: string) => {
      const field = await screen.findByRole<HTMLInputElement>("textbox", { name: label });
      await userEvent.clear(field);
      await userEvent.type(field, n);
      await userEvent.click(screen.getByRole("button", { name: saveLabel }));
    };
    await screen.findByDisplayValue("30");
    days = 90; // by another administrator
    await type("7");
    expect(await screen.findByText(why)).toBeTruthy();
    expect(days).toBe(90);
    await userEvent.click(screen.getByRole("button", { name: reload }));
    expect(await screen.findByDisplayValue("90")).toBeTruthy();
    expect(screen.queryByText(why)).toBeNull();
    await type("8");
    await waitFor(() => expect(days).toBe(8));
    await type("9"); // what was just saved is known
    await waitFor(() => expect(days).toBe(9));
    expect(asked.filter((a) => a.method === "PUT")).toHaveLength(3);
  });

test("a setting that is refused says why", async () => {
  serve({ "GET /api/backup/settings": () => settings(), "PUT /api/backup/settings": () => problem(422, { code: "ValidationError", reason: "invalid_input", detail: "the directory is not allowed", hint: "Use nightly." }) });
  show(<SettingsScreen />);
  await userEvent.type(await screen.findByRole("textbox", { name: "Default folder" }), "x");
  await userEvent.click(screen.getByRole("button", { name: "Save" }));
  expect(await screen.findByText("the directory is not allowed")).toBeTruthy();
  expect(screen.getByText("Use nightly.")).toBeTruthy();
});
