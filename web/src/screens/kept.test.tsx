import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, test } from "vitest";
import { wrongKeys } from "../api/kept";
import { ApiError } from "../api/client";
import { navigate, usePath } from "../url";
import { backup, everything, problem, serve, show } from "../test/world";
import { channelDraft, channelSettings } from "./kept/ChannelPage";
import { KeptScreens } from "./kept/KeptScreens";

const channel = (change: object = {}) => ({
  name: "team", kind: "slack", origin: { kind: "bucket" }, editable: true, severity: "warning", events: [], sources: [], language: "en", sent: 0, waiting: 0, givenUp: 0, failures: 0, ...change,
});
const details = (change: object = {}) => ({
  name: "team", origin: { kind: "bucket" }, editable: true, version: "v1", settings: { name: "team", kind: "slack", severity: "warning" }, where: { kind: "stored" },
  changed: { at: "2026-11-20T12:00:00Z", by: "ana" }, ...change,
});
const list = (...channels: object[]) => ({ channels, secretsKept: true });
const open = (path: string, permissions = everything) => show(<KeptScreens path={path} />, { permissions });

beforeEach(() => history.replaceState(null, "", "/"));

test("an empty list leads to the first one, who may not add is told whom to ask", async () => {
  serve({ "GET /api/channel/list": () => list() });
  open("/settings/channels");
  expect(await screen.findByText(/Nobody is told when a backup fails. Add a channel/)).toBeTruthy();
  expect(screen.getByRole("link", { name: "Add a channel" }).getAttribute("href")).toBe("#/settings/channels/create");
  open("/settings/channels", ["list", "settings_read"]);
  expect(await screen.findByText(/Ask an administrator to add a channel/)).toBeTruthy();
});

test("what a file says is read-only and shown with its line; what fails says since when", async () => {
  serve({
    "GET /api/channel/list": () => list(channel({ name: "ops", origin: { kind: "file", file: "/etc/cofre.yaml", line: 12 }, editable: false, failingSince: "2026-11-20T12:00:00Z", lastError: "401 Unauthorized", waiting: 2 })),
    "GET /api/channel/:name": () => details({ name: "ops", origin: { kind: "file", file: "/etc/cofre.yaml", line: 12 }, editable: false, version: undefined, where: { kind: "env", reference: "SLACK_URL" }, changed: undefined }),
  });
  const there = open("/settings/channels");
  const row = within((await screen.findByRole("link", { name: "ops" })).closest("li")!);
  expect(row.getByText("cofre.yaml, line 12")).toBeTruthy();
  expect(row.getByText(/failing since/)).toBeTruthy();
  expect(row.getByText("401 Unauthorized")).toBeTruthy();
  expect(row.getByText(/2 events waiting/)).toBeTruthy();
  there.unmount();
  open("/settings/channels/ops");
  expect(await screen.findByText("Set in /etc/cofre.yaml, line 12: it is changed there, and read-only here.")).toBeTruthy();
  expect(screen.getByText("variable SLACK_URL")).toBeTruthy();
  expect(screen.queryByRole("button", { name: "Save" })).toBeNull();
});

test("a channel is tried out and then made; its address is sent and never shown", async () => {
  const user = userEvent.setup();
  const asked = serve({
    "GET /api/channel/list": () => list(),
    "POST /api/channel/test": () => ({ sent: true, answer: "200 OK" }),
    "POST /api/channel/create": () => Response.json(details(), { status: 201 }),
  });
  navigate("/settings/channels/create");
  open("/settings/channels/create");
  await user.type(await screen.findByLabelText("Name"), "team");
  const address = screen.getByLabelText("Webhook URL");
  expect(address.getAttribute("type")).toBe("password");
  await user.type(address, "https://hooks.example.com/x");
  await user.click(screen.getByRole("button", { name: "Test" }));
  expect(await screen.findByText("The receiver took the message")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(location.hash).toBe("#/settings/channels/team"));
  const made = { settings: { name: "team", kind: "slack", severity: "warning" }, where: { value: "https://hooks.example.com/x" } };
  expect(asked.filter((a) => a.method === "POST").map((a) => a.body)).toEqual([made, made]);
});

test("what the API says of a key stands beside its field, and the focus goes there", async () => {
  const user = userEvent.setup();
  serve({
    "GET /api/channel/list": () => list(channel()),
    "GET /api/channel/team": () => details(),
    "PUT /api/channel/team": () => problem(422, { code: "ValidationError", reason: "invalid_input", detail: "sources: \"[\" is no pattern" }),
  });
  open("/settings/channels/team");
  const field = await screen.findByLabelText("Sources");
  await user.type(field, "x");
  await user.click(screen.getByRole("button", { name: "Save" }));
  expect(await screen.findByText('"[" is no pattern')).toBeTruthy();
  expect(field.getAttribute("aria-invalid")).toBe("true");
  await waitFor(() => expect(document.activeElement).toBe(field));
  expect(screen.getByRole("alert").textContent).toMatch(/Correct the fields/);
});

test("what somebody else changed meanwhile is told, and loaded", async () => {
  const user = userEvent.setup();
  let version = "v1";
  const asked = serve({
    "GET /api/channel/list": () => list(channel()),
    "GET /api/channel/team": () => details({ version }),
    "PUT /api/channel/team": () => problem(409, { code: "ConflictError", reason: "precondition_failed", detail: "it was changed meanwhile" }),
  });
  open("/settings/channels/team");
  await user.type(await screen.findByLabelText("Sources"), "mine");
  version = "v2";
  await user.click(screen.getByRole("button", { name: "Save" }));
  await user.click(await screen.findByRole("button", { name: "Load the new state" }));
  await waitFor(() => expect((screen.getByLabelText("Sources") as HTMLInputElement).value).toBe(""));
  const put = asked.find((a) => a.method === "PUT")!;
  expect(put.body).toEqual({ version: "v1", settings: { name: "team", kind: "slack", severity: "warning", sources: ["mine"] } });
});

test("unsaved changes are not left by a link or the way back without a question", async () => {
  const user = userEvent.setup();
  serve({ "GET /api/channel/list": () => list(channel()), "GET /api/channel/team": () => details() });
  navigate("/settings/channels");
  navigate("/settings/channels/team");
  const Here = () => <KeptScreens path={usePath()} />;
  show(<Here />);
  await user.type(await screen.findByLabelText("Sources"), "x");
  await user.click(screen.getByRole("link", { name: "Locations" }));
  expect(screen.getByText("Discard the changes?")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Keep editing" }));
  expect(location.hash).toBe("#/settings/channels/team");
  history.replaceState(null, "", "#/elsewhere");
  fireEvent.popState(window);
  expect(location.hash).toBe("#/settings/channels/team");
  expect((screen.getByLabelText("Sources") as HTMLInputElement).value).toBe("x");
  await user.click(screen.getByRole("button", { name: "Discard" }));
  expect(location.hash).toBe("#/elsewhere");
});

test("a second location says how far it is behind, and its keys go again when its endpoint changes", async () => {
  const user = userEvent.setup();
  const place = { name: "frankfurt", origin: { kind: "bucket" }, editable: true, kind: "s3", copies: { waiting: 3, late: 1, unknown: 0 }, sources: [{ name: "shop", waiting: 3 }] };
  serve({
    "GET /api/place/list": () => ({ places: [place], secretsKept: true }),
    "GET /api/place/frankfurt": () => ({ name: "frankfurt", origin: place.origin, editable: true, version: "v1", settings: { name: "frankfurt", directory: "s3://b/x" }, accessKey: { kind: "stored" }, secretKey: { kind: "stored" } }),
  });
  const there = open("/settings/places");
  expect(await screen.findByText("behind with 1 source")).toBeTruthy();
  there.unmount();
  open("/settings/places/frankfurt");
  await user.type(await screen.findByLabelText("Endpoint"), "https://s3.example.com");
  expect(screen.getByText("The endpoint changes: the keys have to be given again.")).toBeTruthy();
  await user.click(screen.getByRole("radio", { name: /Access key of its own/ }));
  expect(screen.getByLabelText("Secret key").getAttribute("type")).toBe("password");
});

test("a channel's settings come back from its form as they were", () => {
  for (const s of [
    { name: "a", kind: "slack" as const, severity: "warning" as const },
    { name: "b", kind: "telegram" as const, severity: "critical" as const, chat: "-1", events: ["overdue"], sources: ["shop", "x-*"], language: "pt-BR" as const, digest: "weekly" as const },
    { name: "c", kind: "email" as const, severity: "info" as const, from: "a@example.com", to: ["b@example.com", "c@example.com"] },
    { name: "d", kind: "sns" as const, severity: "info" as const, topic: "arn:aws:sns:eu-west-1:123456789012:alerts" },
    { name: "e", kind: "eventbridge" as const, severity: "info" as const, bus: "arn:aws:events:eu-west-1:123456789012:event-bus/alerts" },
  ]) expect(channelSettings(channelDraft(s))).toEqual(s);
});

test("keys that a refusal speaks of are found in both of its forms", () => {
  const of = (p: object) => [...wrongKeys(new ApiError(422, { type: "", title: "", status: 422, code: "ValidationError", requestId: "", detail: "x", ...p } as never, ""))];
  expect(of({ detail: "invalid", errors: [{ in: "body", at: "/settings/to/0", detail: "too short" }] })).toMatchObject([["to.0", { detail: "too short" }]]);
  expect(of({ detail: "retention.keepLast: want a number" })).toEqual([["retention.keepLast", { detail: "want a number" }]]);
  expect(of({ detail: "the source: schedule: no", wordings: [{ language: "pt-BR", text: "a origem: schedule: não" }] })).toEqual([["schedule", { detail: "no", wordings: [{ language: "pt-BR", text: "não" }] }]]);
  expect(of({ detail: "the server is down" })).toEqual([]);
});

test("a lock that nobody can lift is saved once its word is typed", async () => {
  const user = userEvent.setup();
  const of = { name: "shop", origin: { kind: "bucket" }, editable: true };
  const asked = serve({
    "GET /api/source/list": () => ({ sources: [{ ...of, paused: false, vanished: false, defaulted: [] }], secretsKept: true }),
    "GET /api/place/list": () => ({ places: [], secretsKept: true }),
    "GET /api/source/shop": () => ({ ...of, version: "v1", pinged: false, connection: { kind: "stored", host: "db", database: "shop" }, settings: { name: "shop", schedule: "never" },
      effective: [{ key: "jobs", value: "2", from: { kind: "environment", variable: "BACKUP_JOBS" } }] }),
    "PUT /api/source/shop": () => ({ ...of, version: "v2", pinged: false, connection: { kind: "stored" }, settings: { name: "shop" } }),
  });
  open("/settings/sources/shop");
  await user.selectOptions(await screen.findByLabelText("Locking (Object Lock)"), "COMPLIANCE");
  await user.type(screen.getByLabelText("Locked for days"), "7");
  await user.type(screen.getByLabelText("Type COMPLIANCE"), "compliance");
  await user.click(screen.getByRole("button", { name: "Save" }));
  expect(asked.filter((a) => a.method === "PUT")).toEqual([]);
  await user.clear(screen.getByLabelText("Type COMPLIANCE"));
  await user.type(screen.getByLabelText("Type COMPLIANCE"), "COMPLIANCE");
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(asked.filter((a) => a.method === "PUT").map((a) => (a.body as { settings: object }).settings)).toEqual([expect.objectContaining({ objectLock: { mode: "COMPLIANCE", days: 7 } })]));
  expect(screen.getByText("jobs").closest("div")!.textContent).toBe("jobs2 (BACKUP_JOBS)");
});

test("a tag that has no key, or another one's, is told and not saved", async () => {
  const user = userEvent.setup();
  const of = { name: "shop", origin: { kind: "bucket" }, editable: true };
  const asked = serve({
    "GET /api/source/list": () => ({ sources: [{ ...of, paused: false, vanished: false, defaulted: [] }], secretsKept: true }),
    "GET /api/place/list": () => ({ places: [], secretsKept: true }),
    "GET /api/source/shop": () => ({ ...of, version: "v1", pinged: false, connection: { kind: "stored", host: "db", database: "shop" }, settings: { name: "shop", schedule: "never", tags: { team: "a" } } }),
    "PUT /api/source/shop": () => ({ ...of, version: "v2", pinged: false, connection: { kind: "stored" }, settings: { name: "shop" } }),
  });
  open("/settings/sources/shop");
  await user.click(await screen.findByRole("button", { name: "Add a tag" }));
  await user.type(screen.getByLabelText("Value of tag 2"), "b");
  expect(screen.getByText("Enter a key for this value.")).toBeTruthy();
  await user.type(screen.getByLabelText("Key of tag 2"), "team");
  expect(screen.getByText("This key is already in use.")).toBeTruthy();
  await user.click(screen.getByRole("button", { name: "Save" }));
  expect(asked.filter((a) => a.method === "PUT")).toEqual([]);
  await user.type(screen.getByLabelText("Key of tag 2"), "s");
  await user.click(screen.getByRole("button", { name: "Save" }));
  await waitFor(() => expect(asked.filter((a) => a.method === "PUT").map((a) => (a.body as { settings: object }).settings)).toEqual([expect.objectContaining({ tags: { team: "a", teams: "b" } })]));
});

const planned = (change: object = {}) => ({ name: "shop", origin: { kind: "bucket" }, editable: true, paused: false, vanished: false, defaulted: [], ...change });

test("a schedule that is being chosen says its words and next three runs, in the reader's zone", async () => {
  const write = (field: HTMLElement, value: string) => fireEvent.change(field, { target: { value } });
  serve({ "GET /api/source/list": () => ({ sources: [planned({ schedule: "0 3 * * *", defaulted: ["schedule"] })], secretsKept: true }), "GET /api/place/list": () => ({ places: [], secretsKept: true }) });
  open("/settings/sources/create");
  const runs = () => [...document.querySelectorAll(".next .runs time")].map((x) => x.getAttribute("dateTime")!.slice(11, 16));
  expect(await screen.findAllByText("every day at 02:00")).toHaveLength(2); // by the reader's clock
  expect(runs()).toEqual(["05:00", "05:00", "05:00"]);
  const zone = screen.getByLabelText("Time zone");
  write(zone, "");
  expect(screen.getAllByText("every day at 02:00, UTC time")).toHaveLength(2);
  expect(runs()).toEqual(["02:00", "02:00", "02:00"]);
  write(zone, "Asia/Tokyo");
  expect(screen.getAllByText("every day at 02:00, Tokyo time")).toHaveLength(2);
  expect(runs()).toEqual(["17:00", "17:00", "17:00"]);
  const kind = screen.getByLabelText("Schedule");
  write(kind, "cron");
  const cron = screen.getByLabelText("Expression");
  write(cron, "@daily");
  expect(screen.getAllByText("every day at 00:00, Tokyo time")).toHaveLength(2);
  write(cron, "0 0 30 2 *");
  expect(screen.getByText("That day never comes: no backup would be created.")).toBeTruthy();
  write(cron, "rate(1 day)");
  expect(screen.getByText(/^The next runs cannot be shown here/)).toBeTruthy();
  write(kind, "default");
  expect(screen.getAllByText("as the deployment: every day at 03:00, Tokyo time")).toHaveLength(2);
  write(kind, "never");
  expect(screen.getAllByText("only on request")).toHaveLength(2);
  expect(runs()).toEqual([]);
});

test("of a source that is kept, the API says the next runs, until its schedule is changed", async () => {
  const user = userEvent.setup();
  const nextRuns = ["2030-01-01T02:00:00Z", "2030-01-02T02:00:00Z", "2030-01-03T02:00:00Z"];
  serve({
    "GET /api/source/list": () => ({ sources: [planned({ schedule: "0 2 * * 1-5", zone: "UTC", nextRuns })], secretsKept: true }),
    "GET /api/place/list": () => ({ places: [], secretsKept: true }),
    "GET /api/source/shop": () => ({ name: "shop", origin: { kind: "bucket" }, editable: true, version: "v1", pinged: false, connection: { kind: "stored" }, settings: { name: "shop", schedule: "0 2 * * 1-5", zone: "UTC" } }),
  });
  const list = open("/settings/sources");
  expect(await screen.findByText("Monday to Friday at 02:00, UTC time")).toBeTruthy();
  expect(screen.getByText(/then 1\/1\/30|then Jan 1, 2030/)).toBeTruthy();
  list.unmount();
  open("/settings/sources/shop");
  expect((await screen.findAllByText("Monday to Friday at 02:00, UTC time")).length).toBe(2);
  const runs = () => [...document.querySelectorAll(".next .runs time")].map((x) => x.getAttribute("dateTime"));
  expect(runs()).toEqual(nextRuns);
  await user.selectOptions(screen.getByLabelText("Schedule"), "never");
  expect(runs()).toEqual([]);
});

test("where a failed backup's source is in no list, its page says whose connection it has; one of the environment says that it is changed there", async () => {
  const listed = { name: "shop", origin: { kind: "environment" }, editable: false, defaulted: [], paused: false };
  serve({
    "GET /api/source/list": () => ({ sources: [listed, { ...listed, name: "all/orders" }], secretsKept: false, default: "shop" }),
    "GET /api/source/:name": (a) => (a.path.endsWith("/shop")
      ? { name: "shop", origin: { kind: "environment" }, editable: false, connection: { kind: "env", reference: "DATABASE_URL" }, settings: { name: "shop" } }
      : problem(404, { code: "ValidationError", reason: "not_found", detail: "there is no such source" })),
  });
  const other = open("/settings/sources/reports");
  expect(await screen.findByText("Nothing of this name is set up here.")).toBeTruthy();
  expect(screen.getByText(/another database of the default source's server/)).toBeTruthy();
  expect(screen.getByRole("link", { name: "Back to the list" }).getAttribute("href")).toBe("#/settings/sources");
  expect(screen.queryByRole("alert")).toBeNull();
  other.unmount();
  const followed = open("/settings/sources/all%2Forders");
  expect(await screen.findByRole("link", { name: "Its backups" })).toBeTruthy();
  followed.unmount();
  open("/settings/sources/shop");
  expect(await screen.findByText("Set in the server's environment: it is changed there, and read-only here.")).toBeTruthy();
  expect(screen.getByText("variable DATABASE_URL")).toBeTruthy();
});

test("the chart of what is kept follows the retention that is typed, and says so; refused, it shows what is saved", async () => {
  const user = userEvent.setup();
  const of = { name: "shop", origin: { kind: "bucket" }, editable: true };
  const kept = (code: string) => ({ backup: backup({ source: "shop" }), reasons: [{ code, text: code, nth: 1, of: 7 }] });
  let refused = false;
  const asked = serve({
    "GET /api/source/list": () => ({ sources: [planned({ schedule: "never" })], secretsKept: true }), "GET /api/place/list": () => ({ places: [], secretsKept: true }),
    "GET /api/source/shop": () => ({ ...of, version: "v1", pinged: false, connection: { kind: "stored" }, settings: { name: "shop", schedule: "never" } }),
    "GET /api/backup/list": () => ({ backups: [backup()] }),
    "POST /api/backup/cleanup": () => refused ? problem(422, { code: "ValidationError", reason: "invalid_input", detail: "no" })
      : { dryRun: true, removed: [kept("expired")], kept: [kept("daily")], freedBytes: 2048, policy: { keepDays: 1, maxBackups: 0, maxTotalBytes: 0 }, leftovers: { failed: [], completed: [], removed: [], problems: [] } },
  });
  open("/settings/sources/shop");
  expect(await screen.findByRole("img", { name: /Age and number: 1/ })).toBeTruthy();
  expect(asked.some((a) => a.method === "POST")).toBe(false);
  await user.click(screen.getByLabelText("Its own"));
  fireEvent.change(screen.getByLabelText("Daily"), { target: { value: "7" } });
  expect(await screen.findByRole("img", { name: /Daily: 1 of 7/ })).toBeTruthy();
  expect(screen.getByText(/The next cleanup would remove 1 backup \(2\.0 kB\)\. Drawn by what is typed/)).toBeTruthy();
  expect(asked.filter((a) => a.method === "POST").at(-1)!.body).toEqual({ dryRun: true, as: { name: "shop", schedule: "never", retention: { keepDaily: 7 } } });
  refused = true;
  fireEvent.change(screen.getByLabelText("Daily"), { target: { value: "x" } });
  expect(await screen.findByText(/Drawn by what is saved/)).toBeTruthy();
});
