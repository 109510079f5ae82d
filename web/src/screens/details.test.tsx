import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, onTestFinished, test, vi } from "vitest";
import { backup, problem, serve, show } from "../test/world";
import { BackupDetails } from "./BackupDetails";
import { optionsOf } from "./details/again";

const none = { "GET /api/backup/log/:id": () => ({ id: "x", lines: [] }), "GET /api/backup/list": (): object => ({ backups: [], total: 0 }) };

test("everything that is known is shown, and the commands to restore it", async () => {
  const b = backup({ filename: "x.dump", createdBy: "ana", labels: { why: "test" } });
  serve({ "GET /api/backup/:id": () => b });
  show(<BackupDetails id={b.id} />);
  expect(await screen.findByRole("heading", { level: 1, name: "shop, Nov 19, 2026, 23:00" })).toBeTruthy();
  for (const part of ["x.dump", b.checksum, b.id, b.filepath, "zstd:1", "18.1", "ana"]) expect(screen.getAllByText(part).length).toBeGreaterThan(0);
  expect(await screen.findByText(`cofre restore ${b.id} --to "$TARGET_DATABASE_URL"`)).toBeTruthy();
  expect(screen.getByRole("link", { name: "why=test" }).getAttribute("href")).toBe("#/?label=why%3Dtest");
  expect(screen.getByRole("link", { name: "Who did what with this backup" }).getAttribute("href")).toBe(`#/audit?about=${b.id}`);
});

test("the checksum is copied", async () => {
  const b = backup();
  serve({ ...none, "GET /api/backup/:id": () => b });
  const user = userEvent.setup();
  show(<BackupDetails id={b.id} />);
  await user.click(await screen.findByRole("button", { name: "Copy: SHA-256" }));
  expect(await navigator.clipboard.readText()).toBe(b.checksum);
  expect(await screen.findByText("Copied")).toBeTruthy();
});

test("a failure shows its reason in the user's language, the hint, and can be tried again as it was", async () => {
  const b = backup({ status: "failed", size: 0, checksum: "", verification: undefined as never, filepath: "files/nightly/x.dump", content: "schema", error: { code: "DatabaseConnectionError", reason: "port_refused", message: "connect to db port 5432: refused", hint: "Start it." } });
  delete b.verification;
  const asked = serve({ ...none, "GET /api/backup/:id": () => b, "POST /api/backup/create": () => Response.json(backup({ id: "01JZ8Q4M9T4Y3V6K2W1X0NAAAA", status: "in_progress" }), { status: 202 }) });
  show(<BackupDetails id={b.id} />, { language: "pt-BR" });
  expect(await screen.findByText("Conexão com o banco recusada")).toBeTruthy();
  expect(screen.getByText("connect to db port 5432: refused").lang).toBe("en");
  expect(screen.getByText("Start it.")).toBeTruthy();
  // What mends the cause comes first.
  expect(screen.getByRole("link", { name: "Abrir as configurações da origem" }).className).toContain("primary");
  await userEvent.click(screen.getByRole("button", { name: "Pronto: tentar de novo" }));
  await waitFor(() => expect(location.hash).toBe("#/backups/01JZ8Q4M9T4Y3V6K2W1X0NAAAA"));
  const create = asked.find((a) => a.method === "POST")!;
  expect(create.body).toEqual({ options: { database: "shop", format: "custom", directory: "nightly", includeData: false, compression: "zstd:1" } });
  expect(create.headers.get("Idempotency-Key")).toMatch(/^[0-9a-f-]{36}$/);
});

test("a failure shows the run's log at once, with pg_dump's last words; of a success it is opened", async () => {
  const lines = [{ at: "2026-11-20T02:00:00Z", text: "connected to db:5432" }, { text: "pg_dump: error: the last words" }];
  const failed = backup({ status: "failed", error: { code: "BackupCreationError", message: "pg_dump exited with status 1", hint: "See its messages." } });
  const asked = serve({ ...none, "GET /api/backup/log/:id": () => ({ id: "x", lines }), "GET /api/backup/:id": (a) => (a.path.endsWith(failed.id) ? failed : backup({ id: a.path.split("/").at(-1)! })) });
  const { unmount } = show(<BackupDetails id={failed.id} />);
  expect((await screen.findByText("pg_dump: error: the last words")).className).toBe("loud");
  expect(screen.getByRole("region", { name: "Log of the run" }).textContent).toContain("connected to db:5432");
  expect(screen.queryByText(/The process died after the last line/)).toBeNull();
  // "Look at its messages." leads to them.
  await userEvent.click(screen.getByRole("button", { name: "See the log of the run" }));
  expect(document.activeElement?.textContent).toBe("Log of the run");
  unmount();
  const before = asked.filter((a) => a.path.includes("/log/")).length;
  show(<BackupDetails id="01JZ8Q4M9T4Y3V6K2W1X0NAAAA" />);
  await screen.findByText("Log of the run");
  expect(asked.filter((a) => a.path.includes("/log/"))).toHaveLength(before);
});

test("of a process that died the log ends where it did, and says so", async () => {
  const died = backup({ status: "failed", outcome: "interrupted", error: { code: "BackupCreationError", reason: "run_lost", message: "the run died without reporting an error" } });
  let lines = [{ at: "2026-11-20T02:00:00Z", text: "reading 12 tables" }];
  serve({ ...none, "GET /api/backup/log/:id": () => ({ id: died.id, lines }), "GET /api/backup/:id": () => died });
  const { unmount } = show(<BackupDetails id={died.id} />);
  expect(await screen.findByText(/reading 12 tables/)).toBeTruthy();
  expect(screen.getByText("The process died after the last line: nothing more was written.")).toBeTruthy();
  unmount();
  lines = [];
  show(<BackupDetails id={died.id} />);
  expect(await screen.findByText(/its process died before it wrote any/)).toBeTruthy();
});

test("trying again after a lost answer makes no second backup", async () => {
  const b = backup({ status: "failed", error: { code: "DatabaseConnectionError", reason: "port_refused", message: "refused", hint: "" } });
  const asked = serve({ ...none, "GET /api/backup/:id": () => b, "POST /api/backup/create": () => Promise.reject(new TypeError("network")) });
  show(<BackupDetails id={b.id} />);
  await userEvent.click(await screen.findByRole("button", { name: "Try again" }));
  await screen.findByText("Cannot reach the server");
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  const keys = () => asked.filter((a) => a.method === "POST").map((a) => a.headers.get("Idempotency-Key"));
  await waitFor(() => expect(keys()).toHaveLength(2));
  expect(new Set(keys()).size).toBe(1);
});

test("one whose database was never known is made again of the configured one", () => {
  expect(optionsOf(backup({ database: "" }))).not.toHaveProperty("database");
});

test("making it again keeps what it held", () => {
  expect(optionsOf(backup({ encryption: "age", format: "plain", compression: "auto", content: "data", selection: { schemas: ["a"] }, labels: { k: "v" } }))).toEqual({
    database: "shop", format: "plain", includeSchema: false, encrypt: true, selection: { schemas: ["a"] }, labels: { k: "v" },
  });
});

test("a validation's outcome is told, good or bad", async () => {
  const b = backup();
  let valid = true;
  serve({ ...none, "GET /api/backup/:id": () => b, "POST /api/backup/validate/:id": () => ({ id: b.id, file: "x", valid, level: "full", size: 4096, checksum: "", problems: [], duration: 1200 }) });
  show(<BackupDetails id={b.id} />);
  await userEvent.click(await screen.findByRole("button", { name: "Validate now" }));
  expect(await screen.findByText(/Backup is valid/)).toBeTruthy();
  valid = false;
  await userEvent.click(screen.getByRole("button", { name: "Validate now" }));
  expect(await screen.findByText(/Backup is damaged/)).toBeTruthy();
});

test.each([
  ["en", "Test its restore", /every row is compared.* Waiting for its turn since/, /every row is compared.* Under way since .*: restoring\./, "Proven", "not yet"],
  ["pt-BR", "Testar a restauração", /todas as linhas são comparadas.* Aguarda a vez desde/, /todas as linhas são comparadas.* Em andamento desde .*: restaurando\./, "Comprovado", "ainda não"],
] as const)("a backup is proven by request, and the ladder says what was never done (%s)", async (language, button, waits, runs, step, never) => {
  const b = backup();
  const asked = { requestedBy: "ana", requestedAt: "2026-11-26T10:00:00Z" };
  const looks = [
    b,
    { ...b, proofAttempt: { ...asked, state: "waiting" } },
    { ...b, proofAttempt: { ...asked, state: "running", startedAt: "2026-11-26T10:01:00Z", step: "restoring", bytesRead: 1024, bytesTotal: 4096 } },
    { ...b, proofAttempt: { ...asked, state: "proven", endedAt: "2026-11-26T10:02:00Z" }, verification: { ok: true, level: "proven", at: "2026-11-26T10:02:00Z" } },
  ];
  serve({
    ...none,
    "GET /api/backup/:id": () => (looks.length > 1 ? looks.shift()! : looks[0]!),
    "POST /api/backup/prove/:id": () => Response.json({ id: b.id, requestedAt: asked.requestedAt }, { status: 202 }),
  });
  vi.useFakeTimers({ shouldAdvanceTime: true });
  onTestFinished(() => void vi.useRealTimers());
  show(<BackupDetails id={b.id} />, { language });
  const rung = async () => (await screen.findByText(step)).closest("li")!;
  expect((await rung()).textContent).toContain(never);
  act(() => screen.getByRole<HTMLButtonElement>("button", { name: button }).click());
  const status = () => screen.getAllByRole("status").map((x) => x.textContent).join("\n");
  await waitFor(() => expect(status()).toMatch(waits));
  await act(() => vi.advanceTimersByTimeAsync(5_000));
  await waitFor(() => expect(status()).toMatch(runs));
  expect(screen.getByRole("progressbar").getAttribute("value")).toBe("0.25");
  expect(screen.getByRole("progressbar").closest(".bar")!.textContent).toMatch(/^25\s?%1[.,]0\s?kB (of|de) 4[.,]0\s?kB/);
  await act(() => vi.advanceTimersByTimeAsync(5_000));
  await waitFor(async () => expect((await rung()).className).toBe("ok"));
  expect(screen.getByRole<HTMLButtonElement>("button", { name: button }).disabled).toBe(false);
});

test("the last proof says where it was made, what it left out, and what became of one's own checks", async () => {
  const proof = { tables: 3, rows: 1000, ofRows: 4000, server: "18.6", target: "staging", isolated: false, restoreDuration: 61_000, without: ["owners and rights"], leftOut: 3, checksAsked: 22,
    checks: [{ name: "there are orders", outcome: "passed", expect: "true" }, { name: "one shop", outcome: "failed", expect: "1" }, { name: "a slip", outcome: "unanswered", expect: "true" }] };
  const older = { ok: true, level: "proven", at: "2026-11-01T10:00:00Z", proof: { ...proof, target: undefined, checks: [] } };
  const b = backup({ verifications: [older, { ok: true, level: "proven_in_part", at: "2026-11-26T10:00:00Z", proof }] } as object);
  serve({ ...none, "GET /api/backup/:id": () => b });
  show(<BackupDetails id={b.id} />);
  const card = (await screen.findByRole("heading", { name: "What the last restore test compared" })).closest("section")!;
  for (const want of ["on the server of the target staging, PostgreSQL 18.6", "1,000 of 4,000 in 3 tables", "1 min 01 s", "owners and rights", "and 2 more", "there are orders: passed", "a slip: the server could not answer it", "and 19 more"]) {
    expect(card.textContent!.replace(/[\u00a0\u202f]/g, " ")).toContain(want);
  }
  expect(screen.getByText(/one shop: failed/).className).toBe("bad");
});

test.each([
  ["en", "Test its restore", "Testing its restore…", /could not be run .*That says nothing about the backup/],
  ["pt-BR", "Testar a restauração", "Testando a restauração…", /Não foi possível executar o teste de restauração .*Isso não diz nada sobre o backup/],
] as const)("how it stands with a proof is known to whoever opens the page, and why it could not be made (%s)", async (language, button, proving, failed) => {
  const b = backup();
  const error = { code: "ValidationError" as const, reason: "timeout", message: "the proof took longer than 6h0m0s", hint: "Allow more time." };
  let attempt: Record<string, unknown> = { state: "running", requestedBy: "schedule", requestedAt: "2026-11-26T10:00:00Z", startedAt: "2026-11-26T10:00:00Z" };
  serve({ ...none, "GET /api/backup/:id": () => ({ ...b, proofAttempt: attempt }) });
  vi.useFakeTimers({ shouldAdvanceTime: true });
  onTestFinished(() => void vi.useRealTimers());
  show(<BackupDetails id={b.id} />, { language });
  expect((await screen.findByRole<HTMLButtonElement>("button", { name: proving })).disabled).toBe(true);
  attempt = { ...attempt, state: "failed", step: "restoring", endedAt: "2026-11-26T16:00:00Z", error };
  await act(() => vi.advanceTimersByTimeAsync(5_000));
  const text = await screen.findByText(failed);
  const notice = text.closest(".notice")!;
  expect(notice.textContent).toContain(error.message);
  expect(notice.textContent).toContain(error.hint);
  expect(notice.className).not.toMatch(/bad|ok/);
  expect(screen.getByRole<HTMLButtonElement>("button", { name: button }).disabled).toBe(false);
});

test("a validation that takes longer is waited for by the record", async () => {
  const b = backup();
  let looks = 0;
  serve({
    ...none,
    "GET /api/backup/:id": () => (++looks < 3 ? b : { ...b, verification: { ok: false, level: "full", at: "2026-11-26T10:00:00.25Z", problems: [{ reason: "checksum_mismatch", detail: "is ab, was cd" }] } }),
    "POST /api/backup/validate/:id": () => Response.json({ id: b.id, requestedAt: "2026-11-26T10:00:00Z" }, { status: 202 }),
  });
  show(<BackupDetails id={b.id} />);
  await userEvent.click(await screen.findByRole("button", { name: "Validate now" }));
  expect(await screen.findByText(/read back and checked/)).toBeTruthy();
  expect(await screen.findByText("This backup is damaged. Do not rely on it.", {}, { timeout: 8_000 })).toBeTruthy();
  expect(screen.getByText(/Checksum mismatch/)).toBeTruthy();
  await waitFor(() => expect(screen.getByRole<HTMLButtonElement>("button", { name: "Validate now" }).disabled).toBe(false));
}, 12_000);

// A quarter of an hour, and what reading so many bytes takes: 1000 s for 60 GB.
test.each([
  ["en", 60_000_000_000, 31, "Validate now", /No validation result/, "Try again"],
  ["pt-BR", 0, 14, "Validar agora", /Sem resultado da validação/, "Tentar de novo"],
] as const)("a validation whose result never comes is given up, and can be asked for again (%s)", async (language, size, minutes, button, note, again) => {
  const b = backup({ size });
  let looks = 0;
  const asked = serve({
    ...none,
    "GET /api/backup/:id": () => (looks++, b),
    "POST /api/backup/validate/:id": () => Response.json({ id: b.id, requestedAt: new Date().toISOString() }, { status: 202 }),
  });
  vi.useFakeTimers({ shouldAdvanceTime: true });
  const click = (name: string) => act(() => screen.getByRole<HTMLButtonElement>("button", { name }).click());
  const pass = (minutes: number) => act(() => vi.advanceTimersByTimeAsync(minutes * 60_000));
  try {
    show(<BackupDetails id={b.id} />, { language });
    await screen.findByRole("button", { name: button });
    await click(button);
    await pass(minutes);
    expect(screen.queryByText(note)).toBeNull();
    expect(screen.queryByRole("button", { name: button })).toBeNull();
    await pass(2);
    expect(screen.getByText(note)).toBeTruthy();
    expect(screen.getByRole<HTMLButtonElement>("button", { name: button }).disabled).toBe(false);
    // It is still looked for, less often: one that comes late after all is shown.
    const before = looks;
    await pass(3);
    expect(looks - before).toBeGreaterThan(1);
    expect(looks - before).toBeLessThan(6);
    await click(again);
    await pass(1);
    expect(asked.filter((a) => a.method === "POST")).toHaveLength(2);
    expect(screen.queryByText(note)).toBeNull();
  } finally {
    vi.useRealTimers();
  }
}, 180_000);

test("a download is a plain link with its end, and none any more after that", async () => {
  const b = backup({ filename: "x.dump" });
  let life = 3600;
  serve({ ...none, "GET /api/backup/:id": () => b, "GET /api/backup/download/:id": () => ({ url: "https://s3.example/x?sig=1", filename: "x.dump", size: 10, checksum: b.checksum, expiresAt: "2001-01-01T00:00:00Z", expiresIn: life }) }); // the server's clock is far off
  show(<BackupDetails id={b.id} />);
  await userEvent.click(await screen.findByRole("button", { name: "Download" }));
  const link = await screen.findByRole<HTMLAnchorElement>("link", { name: "Download file" });
  expect(link.href).toBe("https://s3.example/x?sig=1");
  expect(screen.getByText(/Link valid until .*\((59\smin\s59\ss|1\sh)/)).toBeTruthy();
  await userEvent.click(screen.getByRole("button", { name: "Close" }));
  life = 1;
  await userEvent.click(screen.getByRole("button", { name: "Download" }));
  expect(await screen.findByText("The link has expired.", {}, { timeout: 3_000 })).toBeTruthy();
  expect(screen.queryByRole("link", { name: "Download file" })).toBeNull();
});

test("one that is not there says so", async () => {
  serve({ "GET /api/backup/:id": () => problem(404, { code: "ValidationError", reason: "not_found", detail: "there is no backup" }) });
  show(<BackupDetails id="01JZ8Q4M9T4Y3V6K2W1X0N9999" />);
  expect(await screen.findByText(/Backup not found/)).toBeTruthy();
});

test("a running one is followed to its end, and can be canceled after a question", async () => {
  const b = backup({ status: "in_progress", size: 0, filename: "x.dump" });
  let status: object = { id: b.id, status: "in_progress", detail: { phase: "dumping", attempt: 1, dumpBytes: 3 << 20, bytes: 1 << 20, bytesPerSec: 1 << 20, startedAt: new Date().toISOString(), updatedAt: new Date().toISOString() } };
  let ended = false;
  const asked = serve({
    ...none,
    "GET /api/backup/:id": () => (ended ? { ...b, status: "failed", error: { code: "CanceledError", message: "canceled by u1" }, outcome: "canceled" } : b),
    "GET /api/backup/status/:id": () => Response.json(status, { headers: { "Retry-After": "1" } }),
    "POST /api/backup/cancel/:id": () => {
      ended = true;
      status = { id: b.id, status: "failed" };
      return Response.json(b, { status: 202 });
    },
  });
  vi.useRealTimers();
  show(<BackupDetails id={b.id} />);
  const steps = await screen.findByRole("list", { name: "Steps" });
  await waitFor(() => expect(within(steps).getByText("Dumping").closest("li")!.getAttribute("aria-current")).toBe("step"));
  expect(screen.getByText(/No estimate yet/)).toBeTruthy();
  expect(screen.getByRole("progressbar").getAttribute("value")).toBeNull();
  await userEvent.click(screen.getByRole("button", { name: "Cancel backup" }));
  expect(asked.some((a) => a.path.includes("cancel"))).toBe(false);
  await userEvent.click(within(screen.getByRole("dialog")).getByRole("button", { name: "Cancel backup" }));
  expect((await screen.findAllByText("Canceled", {}, { timeout: 5_000 })).length).toBeGreaterThan(0);
});

test("a part says what it holds and whose it is: in the first line, and before it is restored", async () => {
  const b = backup({ source: "loja", database: "app", whole: false, content: "data", selection: { tables: ["public.orders"] }, part: "data only; tables public.orders", server: { host: "db.example", port: "5433" } });
  serve({ ...none, "GET /api/backup/:id": () => b });
  const { unmount } = show(<BackupDetails id={b.id} />);
  expect(await screen.findByText("Partial")).toBeTruthy();
  expect(document.querySelector(".summary")!.textContent).toMatch(/^Verified Partial data only; only the tables public\.orders · loja · app · /);
  const verdict = screen.getByRole("heading", { name: "This backup holds only a part of loja · app." }).closest("section")!;
  expect(verdict.className).toBe("verdict warn");
  expect(verdict.textContent).toContain("It holds: data only; only the tables public.orders. It does not restore the whole database.");
  expect(screen.getByText("db.example:5433")).toBeTruthy();
  unmount();
  show(<BackupDetails id={b.id} />, { language: "pt-BR" });
  expect((await screen.findByText(/Inclui: só dados; só as tabelas public\.orders/))).toBeTruthy();
});

test("what else was chosen is said, of a part and of a whole one", async () => {
  const part = backup({ whole: false, selection: { excludeSchemas: ["tmp"], excludeTableDataAndChildren: ["app.log"], extensions: ["hstore"], largeObjects: false, rowSecurity: true }, part: "…" });
  serve({ ...none, "GET /api/backup/:id": () => part });
  const { unmount } = show(<BackupDetails id={part.id} />);
  expect(await screen.findByText("Partial")).toBeTruthy();
  expect(document.querySelector(".summary")!.textContent).toContain("without the schemas tmp; without the rows of app.log and their children; only the extensions hstore; without large objects; only the rows that row security shows");
  expect(screen.getByText("largeObjects: false")).toBeTruthy();
  unmount();
  const whole = backup({ selection: { statistics: true, foreignData: ["far"] }, engine: "pg_dump", engineReason: "it holds rows of foreign tables" });
  serve({ ...none, "GET /api/backup/:id": () => whole });
  show(<BackupDetails id={whole.id} />);
  expect(await screen.findByText("foreignData: far")).toBeTruthy();
  expect(screen.getByText("statistics")).toBeTruthy();
  expect(screen.getByText(/it holds rows of foreign tables/)).toBeTruthy();
  expect(screen.queryByText("Partial")).toBeNull();
});

test("a whole one says so, and one of an unknown server that", async () => {
  const b = backup({ sourceKnown: false });
  serve({ ...none, "GET /api/backup/:id": () => b });
  show(<BackupDetails id={b.id} />);
  expect(await screen.findByText("This is a whole backup of shop (server unknown).")).toBeTruthy();
  expect(screen.queryByText("Partial")).toBeNull();
  // Nobody knows that it is the source of this name: it is made again as the configured one.
  expect(optionsOf(backup({ source: "loja", sourceKnown: false }))).not.toHaveProperty("source");
  expect(optionsOf(backup({ source: "loja" }))).toHaveProperty("source", "loja");
});

test("every proof is told with its date, and a weaker one hides no stronger one", async () => {
  const best = { ok: true, level: "restored", at: "2026-11-21T02:00:00Z" };
  const b = backup({ verification: best, verifications: [best, { ok: true, level: "full", at: "2026-11-22T02:00:00Z" }, { ok: true, level: "stream", at: "2026-11-20T02:01:01Z" }] });
  serve({ ...none, "GET /api/backup/:id": () => b });
  show(<BackupDetails id={b.id} />);
  await screen.findByRole("heading", { level: 1, name: /^shop,/ });
  const proofs = [...document.querySelectorAll(".proofs li")].map((li) => li.textContent!.trim().replace(/,? \d+:.*/, ""));
  expect(proofs).toEqual(["restored · Nov 20, 2026", "read back in full · Nov 21, 2026", "at creation · Nov 19, 2026"]);
  const ladder = [...document.querySelectorAll(".ladder li")].map((li) => [li.className, li.textContent!.replace(/[A-Z][a-z]+ \d+, .*/, "")]);
  expect(ladder).toEqual([["ok", "Stored"], ["ok", "Verified"], ["ok", "Read back"], ["ok", "Restored"], ["future", "5Provennot yet"]]);
  expect(document.querySelector(".verdict.ok")!.textContent).toMatch(/^This backup is good: it has been restored\.Restored on Nov 20, 2026.*rows were not compared/);
});

test("a validation ends by its own proof, also where a stronger one stays the best", async () => {
  const best = { ok: true, level: "restored", at: "2026-11-21T02:00:00Z" };
  const b = backup({ verification: best, verifications: [best] });
  let looks = 0;
  serve({
    ...none,
    "GET /api/backup/:id": () => (++looks < 3 ? b : { ...b, verifications: [best, { ok: true, level: "full", at: "2026-11-26T10:00:01Z" }] }),
    "POST /api/backup/validate/:id": () => Response.json({ id: b.id, requestedAt: "2026-11-26T10:00:00Z" }, { status: 202 }),
  });
  show(<BackupDetails id={b.id} />);
  await userEvent.click(await screen.findByRole("button", { name: "Validate now" }));
  expect(await screen.findByRole("button", { name: "Validating…" })).toBeTruthy();
  expect(await screen.findByRole("button", { name: "Validate now" }, { timeout: 10_000 })).toBeTruthy();
});

test("one that is half as large as the one before is a warning", async () => {
  const b = backup({ size: 4 << 20, previousSize: 10 << 20, shrunk: true });
  serve({ ...none, "GET /api/backup/:id": () => b });
  show(<BackupDetails id={b.id} />);
  const verdict = (await screen.findByRole("heading", { name: "The file is intact, but half the size of the one before, or less." })).closest("section")!;
  expect(verdict.className).toBe("verdict warn");
  expect(verdict.textContent!.replace(/\u00a0/g, " ")).toContain("4.0 MB; the one before has 10.0 MB");
  expect(document.querySelector(".primary")).toBeNull(); // it is no promise
});

test.each([
  ["canceled", "Canceled", "none", "This backup was canceled."], ["interrupted", "Interrupted", "bad", "This backup was interrupted."], ["failed", "Failed", "bad", "Database connection failed"],
] as const)("one that ended %s is told so, and leads to the last good one", async (outcome, said, tone, title) => {
  const b = backup({ status: "failed", outcome, size: 0, checksum: "", error: { code: "DatabaseConnectionError", message: "stopped" } });
  delete b.verification;
  const good = backup();
  serve({ ...none, "GET /api/backup/list": () => ({ backups: [good], total: 1 }), "GET /api/backup/:id": () => b });
  show(<BackupDetails id={b.id} />);
  await screen.findByRole("heading", { level: 1, name: /^shop,/ });
  const badge = document.querySelector(".summary .badge")!;
  expect([badge.textContent, badge.className]).toEqual([said, `badge ${tone}`]);
  const verdict = screen.getByRole("heading", { name: title }).closest("section")!;
  expect(verdict.className).toBe(`verdict ${tone}`);
  expect(verdict.textContent).toContain("stoppedNothing was stored.");
  expect((await within(verdict).findByRole("link", { name: "Open the last good one" })).getAttribute("href")).toBe(`#/backups/${good.id}`);
  expect(document.querySelector(".primary")).toBeNull();
});

test("the zone of all times is said, once", async () => {
  const b = backup();
  serve({ ...none, "GET /api/backup/:id": () => b });
  show(<BackupDetails id={b.id} />, { language: "pt-BR" });
  expect(await screen.findAllByText("Horários de America/Sao_Paulo (UTC−3)")).toHaveLength(1);
});

const known = { known: true, readable: true, tables: 2, rows: 1080 };
const page = (tables: object[], matching = tables.length) => ({ id: "x", at: "2026-11-29T02:00:00Z", totals: { tables: 2, rows: 1080, bytes: 4000, stored: 900 }, matching, tables, sequences: 1, definitions: 3, warnings: [], largeObjects: { count: 2, bytes: 2048, stored: 90, hash: "" } });
const table = (name: string, rows: number, more: object = {}) => ({ schema: "public", name, kind: "table", data: true, rows, bytes: rows * 2, stored: rows, ...more });

test("what it contains is a table that can be searched and sorted", async () => {
  const b = backup({ contents: known });
  const asked = serve({
    ...none, "GET /api/backup/:id": () => b,
    "GET /api/backup/contents/:id": (a) => (a.query.get("search") ? page([table("orders", 1000)]) : page([table("orders", 1000), table("view", 0, { kind: "materialized view", data: false })], 3)),
  });
  show(<BackupDetails id={b.id} />);
  expect(await screen.findByText("2 tables with 1,080 rows")).toBeTruthy();
  const region = await screen.findByRole("region", { name: "Contents" });
  expect(within(region).getAllByRole("row").map((r) => r.textContent!.replace(/\u00a0/g, " "))).toEqual(["TableRowsSizeStoredShare", "public.orders1,0002.0 kB1.0 kB", "public.view · materialized view–––"]);
  expect(within(region).getByLabelText("public.orders: 50% of all")).toBeTruthy();
  expect(screen.getByText("and 2 large objects (2.0 kB)")).toBeTruthy();
  expect(screen.getByRole("button", { name: "Load more" })).toBeTruthy();
  await userEvent.selectOptions(screen.getByLabelText("Sort by"), "rows");
  await userEvent.type(screen.getByLabelText("Search tables"), "ord");
  await waitFor(() => expect(within(screen.getByRole("region", { name: "Contents" })).getAllByRole("row")).toHaveLength(2));
  const last = asked.filter((a) => a.path.includes("contents")).at(-1)!;
  expect(Object.fromEntries(last.query)).toMatchObject({ sort: "rows", search: "ord", offset: "0" });
});

const rowsOf = (rows: (string | null)[][], more: object = {}) => ({ id: "x", schema: "public", table: "orders", columns: ["id", "note"], rows, more: false, cut: 0, ...more });

test("a table's name opens its first rows: NULL apart from an empty text, long values with the whole in a title", async () => {
  const b = backup({ contents: known });
  const long = "é".repeat(59) + "😀" + "x".repeat(300);
  const asked = serve({
    ...none, "GET /api/backup/:id": () => b,
    "GET /api/backup/contents/:id": () => page([table("orders", 1000), table("view", 0, { kind: "materialized view", data: false })]),
    "GET /api/backup/rows/:id": () => rowsOf([["1", null], ["2", ""], ["3", "<b>x</b>"], ["4", long]], { more: true, cut: 1 }),
  });
  show(<BackupDetails id={b.id} />);
  const user = userEvent.setup();
  const name = await screen.findByRole("button", { name: "public.orders: show rows" });
  expect(screen.queryByRole("button", { name: /view/ })).toBeNull(); // has no rows in a backup
  name.focus();
  await user.keyboard("{Enter}");
  const dialog = screen.getByRole("dialog", { name: "Rows of public.orders" });
  const region = await within(dialog).findByRole("region", { name: "Rows of public.orders" });
  expect(within(region).getAllByRole("row").map((r) => r.textContent)).toEqual(["idnote", "1NULL", "2", "3<b>x</b>", `4${"é".repeat(59)}…`]);
  expect(within(region).getByText("NULL").tagName).toBe("I");
  expect(within(region).getByTitle(long)).toBeTruthy();
  expect(within(dialog).getByText("The first 4 rows, as they are in the backup. Not in full: 1 long value.")).toBeTruthy();
  expect(within(dialog).getByText(`cofre rows ${b.id} public.orders > orders.csv`)).toBeTruthy();
  expect(asked.filter((a) => a.path.includes("/rows/")).map((a) => a.query.get("table"))).toEqual(['"public"."orders"']);
  await user.click(within(dialog).getByRole("button", { name: "Close" }));
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("rows that are on their way, none, and those that cannot be read", async () => {
  const b = backup({ contents: known });
  let answer: (r: object) => void = () => {};
  serve({
    ...none, "GET /api/backup/:id": () => b, "GET /api/backup/contents/:id": () => page([table("orders", 0)]),
    "GET /api/backup/rows/:id": () => new Promise<object>((resolve) => (answer = resolve)),
  });
  show(<BackupDetails id={b.id} />, { language: "pt-BR" });
  await userEvent.click(await screen.findByRole("button", { name: "public.orders: mostrar linhas" }));
  const dialog = screen.getByRole("dialog", { name: "Linhas de public.orders" });
  expect(within(dialog).getByRole("status").textContent).toContain("Carregando");
  answer(problem(409, { code: "ValidationError", reason: "identity_missing", detail: "backup is encrypted", hint: "Set the key." }));
  expect((await within(dialog).findByRole("alert")).textContent).toContain("Set the key.");
  await userEvent.click(within(dialog).getByRole("button", { name: "Tentar de novo" }));
  answer(rowsOf([]));
  expect(await within(dialog).findByText("Esta tabela não tem linhas.")).toBeTruthy();
});

test.each([
  ["who may not restore", {}, ["list"]],
  ["a script, of which nobody knows where its rows lie", { format: "plain" as const }, ["list", "restore"]],
])("no rows are offered: %s", async (_, change, permissions) => {
  const b = backup({ contents: known, ...change });
  serve({ ...none, "GET /api/backup/:id": () => b, "GET /api/backup/contents/:id": () => page([table("orders", 10)]) });
  show(<BackupDetails id={b.id} />, { permissions });
  expect(await screen.findByText("public.orders")).toBeTruthy();
  expect(screen.queryByRole("button", { name: /public\.orders/ })).toBeNull();
});

test("what changed since the backup before is shown, with what was not compared", async () => {
  const before = backup();
  const b = backup({ contents: { ...known, lost: 2, compared: before.id, warnings: [{ table: "public.orders", before: 1000, after: 80, percent: 92, dropped: false }] } });
  serve({
    ...none, "GET /api/backup/:id": (a) => (a.path.endsWith(before.id) ? before : b), "GET /api/backup/contents/:id": () => page([table("orders", 80)]),
    "GET /api/backup/diff/:id": () => ({
      before: { id: before.id, at: "2026-11-28T02:00:00Z" }, after: { id: b.id, at: b.createdAt }, equal: false, sameTables: 1, changedTables: 2,
      tables: [{ schema: "public", name: "orders", kind: "table", change: "shrank", rowsBefore: 1000, rowsAfter: 80 }, { schema: "public", name: "fresh", kind: "table", change: "came", rowsAfter: 0 }],
      changedSequences: 1, sequences: [], changedDefinitions: 1, definitions: [{ kind: "INDEX", schema: "public", name: "i", change: "went" }], notes: ["not compared: x"],
    }),
  });
  show(<BackupDetails id={b.id} />, { language: "pt-BR" });
  const verdict = (await screen.findByRole("heading", { name: "O arquivo está íntegro, mas 2 tabelas perderam linhas." })).closest("section")!;
  expect(verdict.className).toBe("verdict warn");
  await userEvent.click(within(verdict).getByRole("button", { name: "Comparar com o anterior" }));
  const region = await screen.findByRole("region", { name: "Diferenças" });
  expect(within(region).getAllByRole("row").map((r) => r.textContent)).toEqual(["DiferençaTabelaLinhas antesLinhas agoraRecuperação", "encolheupublic.orders1.00080Restaurar…", "novapublic.fresh–0"]);
  expect(screen.getByText("public.i", { exact: false })).toBeTruthy();
  expect(screen.getByText("not compared: x").lang).toBe("en");
  expect(screen.getByText("1 sequência com outro valor")).toBeTruthy();
  expect(within(region).getByRole("link", { name: "Restaurar public.orders do backup anterior" }).getAttribute("href")).toBe(`#/restore?backup=${before.id}&table=public.orders`);
});

test.each([
  [undefined, /created by a version of cofre that did not count/],
  [{ known: false, missing: "out of luck" }, /^out of luck$/],
  [{ known: true, readable: false }, /no key for them \(BACKUP_SERVER_KEY\)/],
])("contents that cannot be shown say why: %o", async (contents, said) => {
  const b = backup(contents ? { contents } : {});
  serve({ ...none, "GET /api/backup/:id": () => b });
  show(<BackupDetails id={b.id} />);
  expect(await screen.findByText(said)).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Show tables" })).toBeNull();
});

const damaged = { verification: { ok: false, level: "checksum", at: "2026-11-21T02:00:00Z", problems: [{ reason: "checksum_mismatch", detail: "is ab, was cd" }] } };
const holds = { whole: false, content: "schema" as const, part: "schema only" };

test.each([
  ["a good one, in green", {}, undefined, "button primary"],
  ["a part, and not in green", holds, undefined, "button"],
  ["not a damaged one", damaged, undefined, null],
  ["not by who may not", {}, ["list", "download"], null],
] as const)("a restore begins at the backup: %s", async (_, change, permissions, restores) => {
  const b = backup({ ...change } as object);
  const good = backup({ createdAt: "2026-11-19T02:00:00Z" });
  const asked = serve({ ...none, "GET /api/backup/:id": () => b, "GET /api/backup/list": () => ({ backups: [b, good], total: 2 }) });
  show(<BackupDetails id={b.id} />, permissions ? { permissions: [...permissions] } : {});
  const card = (await screen.findByRole("heading", { name: "Restore" })).closest("section")!;
  const verdict = document.querySelector<HTMLElement>(".verdict")!;
  const link = screen.queryByRole("link", { name: "Restore" });
  expect(link?.className ?? null).toBe(restores);
  if (link) expect(link.getAttribute("href")).toBe(`#/restore?backup=${b.id}`);
  // What is no promise is not green, and the way to one that is stands there.
  const green = [...document.querySelectorAll(".primary")].map((x) => x.textContent);
  expect(green).toEqual(Object.keys(change).length ? [] : [restores ? "Restore" : "Download"]);
  if (Object.keys(change).length) {
    expect((await within(verdict).findByRole("link", { name: "Open the last good one" })).getAttribute("href")).toBe(`#/backups/${good.id}`);
    expect(screen.queryByRole("button", { name: "Download" })).toBeNull();
    await userEvent.click(within(verdict).getByRole("button", { name: "Download anyway…" }));
    const dialog = screen.getByRole("dialog", { name: "Download anyway?" });
    expect(asked.some((a) => a.path.includes("download"))).toBe(false);
    await userEvent.click(within(dialog).getByRole("button", { name: "Download anyway" }));
    await waitFor(() => expect(asked.some((a) => a.path.includes("download"))).toBe(true));
  }
  if (permissions) expect(within(card).getByText(/Your role does not allow restoring here: ask an administrator/)).toBeTruthy();
});

test("for how long the connections waited for storage is said", async () => {
  const b = backup({ engine: "parallel", jobs: 4, waitedPercent: 37 });
  serve({ ...none, "GET /api/backup/:id": () => b });
  show(<BackupDetails id={b.id} />);
  expect(await screen.findByText("over 4 concurrent connections, waiting for storage 37% of the time")).toBeTruthy();
});

test("one that lost rows: the table stands on top, the way back is the one before, and only where that is good", async () => {
  const before = backup({ createdAt: "2026-11-19T02:00:00Z" });
  const warnings = [{ table: "public.orders", before: 1000, after: 80, percent: 92, dropped: false }];
  const b = backup({ contents: { ...known, lost: 1, compared: before.id, warnings } });
  let was: object = before;
  serve({
    ...none, "GET /api/backup/:id": (a) => (a.path.endsWith(before.id) ? was : b),
    "GET /api/backup/contents/:id": () => ({ ...page([table("customers", 1000), table("orders", 80)]), warnings }),
  });
  const { unmount } = show(<BackupDetails id={b.id} />);
  const verdict = (await screen.findByRole("heading", { name: "The file is intact, but public.orders lost 92% of its rows." })).closest("section")!;
  const back = await within(verdict).findByRole("link", { name: /^Restore public\.orders from Nov 18, 2026/ });
  expect(back.getAttribute("href")).toBe(`#/restore?backup=${before.id}&table=public.orders`);
  expect([...document.querySelectorAll(".primary")]).toEqual([back]);
  expect(verdict.textContent).toContain("1,000 rows in the backup before, 80 in this one.");
  const rows = within(await screen.findByRole("region", { name: "Contents" })).getAllByRole("row").map((r) => r.textContent!.replace(/\u00a0/g, " "));
  expect(rows.slice(1)).toEqual([" public.orders80 −920 (−92%)Restore…", expect.stringMatching(/^public\.customers/)]);
  unmount();
  was = backup({ ...damaged, id: before.id } as object);
  show(<BackupDetails id={b.id} />);
  expect(await screen.findByText(/had them, but is not a good one itself/)).toBeTruthy();
  expect(document.querySelector(".primary")).toBeNull();
});

test("once a backup is unpinned, the form of its pin is empty", async () => {
  let b = backup();
  serve({
    ...none, "GET /api/backup/:id": () => b,
    "PUT /api/backup/pin/:id": ({ body }) => (b = { ...b, pin: { by: "ana", at: "2026-11-20T02:00:00Z", reason: (body as { reason: string }).reason } }),
    "DELETE /api/backup/pin/:id": () => {
      b = { ...b };
      delete b.pin;
      return b;
    },
  });
  const user = userEvent.setup();
  show(<BackupDetails id={b.id} />);
  await user.click(await screen.findByText("Pin…"));
  await user.type(screen.getByLabelText("Reason"), "before 4.2");
  await user.type(screen.getByLabelText(/^Pinned through/), "2027-01-31");
  await user.click(screen.getByRole("button", { name: "Pin" }));
  await user.click(await screen.findByRole("button", { name: "Unpin" }));
  await screen.findByRole("button", { name: "Pin" });
  expect([screen.getByLabelText<HTMLInputElement>("Reason").value, screen.getByLabelText<HTMLInputElement>(/^Pinned through/).value]).toEqual(["", ""]);
});
