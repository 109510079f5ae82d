import { act, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { backup, everything, metrics, problem, serve, start, type Asked } from "./test/world";

await import("./screens/SettingsScreen"); // and not when a test waits for it

const token = () => ({ token: "DEV", expiresAt: new Date(Date.now() + 3_600_000).toISOString(), role: "ADMIN" });
const home = {
  "GET /api/session": () => ({ subject: "u1", name: "Ana", role: "ADMIN", permissions: everything }),
  "GET /api/metrics/summary": () => metrics(),
  "GET /api/backup/list": (a?: Asked) => (a?.query.get("status") === "in_progress" ? { backups: [], total: 0 } : { backups: [backup({ filename: "one.dump" })], total: 1 }),
};

test("the development sign-in takes a role and shows the home screen, where the user wanted to be", async () => {
  let wrong = true;
  const asked = serve({ ...home, "POST /dev/token": () => (wrong ? new Response("{}", { status: 403 }) : token()), "GET /api/health": () => ({ status: "ok", checkedAt: new Date().toISOString(), checks: [] }) });
  history.replaceState(null, "", "/#/health");
  start({ signedIn: false });
  expect(await screen.findByText("Development sign-in")).toBeTruthy();
  await userEvent.type(screen.getByLabelText(/^Secret/), "S3CRET");
  await userEvent.click(screen.getByRole("button", { name: /^ADMIN/ }));
  expect(await screen.findByText(/^Wrong secret/)).toBeTruthy();
  wrong = false;
  await userEvent.click(screen.getByRole("button", { name: /^ADMIN/ }));
  expect(await screen.findByRole("heading", { level: 1, name: "Health" })).toBeTruthy();
  expect(asked.find((a) => a.path === "/dev/token")?.body).toEqual({ role: "ADMIN", secret: "S3CRET" });
  expect(asked.find((a) => a.path === "/api/session")?.headers.get("Authorization")).toBe("Bearer DEV");
});

test("a token that the API refuses leads to sign-in and then back", async () => {
  let good = true;
  serve({
    ...home,
    "GET /api/session": () => (good ? home["GET /api/session"]() : problem(401, { code: "PermissionError", reason: "token_expired", detail: "the token has expired" })),
    "GET /api/backup/settings": () => problem(401, { code: "PermissionError", reason: "token_expired", detail: "the token has expired" }),
    "POST /dev/token": () => {
      good = true;
      return token();
    },
  });
  history.replaceState(null, "", "/#/settings");
  good = true;
  const { sessions } = start();
  expect(await screen.findByText(/Your session has expired/)).toBeTruthy();
  expect(sessions.get().session).toBeUndefined();
  expect(sessionStorage.getItem("cofre.session")).toBeNull();
  expect(location.hash).toBe("#/settings");
  await userEvent.click(screen.getByRole("button", { name: /^ADMIN/ }));
  expect(location.hash).toBe("#/settings");
});

test("a token whose time is over is not waited for", async () => {
  serve(home);
  const { sessions } = start();
  await screen.findByRole("heading", { level: 1, name: /^All good/ });
  act(() => sessions.begin({ token: "short", expiresAt: Date.now() + 50 }));
  expect(await screen.findByText(/Your session has expired/)).toBeTruthy();
});

test("whoever may do nothing sees one sentence that says whom to ask", async () => {
  const asked = serve({ "GET /api/session": () => ({ subject: "u", role: "USUARIO", permissions: [] }) });
  start({ language: "pt-BR" });
  expect(await screen.findByText(/peça a um administrador/)).toBeTruthy();
  expect(screen.queryByRole("link", { name: "Configurações" })).toBeNull();
  expect(asked.map((a) => a.path)).toEqual(["/api/session"]);
});

test("what a role may not do is not shown", async () => {
  serve({ ...home, "GET /api/session": () => ({ subject: "s", role: "SUPERVISOR", permissions: ["list", "download"] }) });
  start();
  expect(await screen.findByTitle("one.dump")).toBeTruthy();
  expect(screen.getByRole("link", { name: "Settings" })).toBeTruthy(); // sources and locations are for whoever may list
  for (const name of ["Create backup", "Cleanup", "Health"]) expect(screen.queryByRole("link", { name })).toBeNull();
  expect(screen.queryByRole("checkbox")).toBeNull();
});

test("an address of what a role may not see says that it is not there", async () => {
  serve({ ...home, "GET /api/session": () => ({ subject: "s", role: "SUPERVISOR", permissions: ["list"] }) });
  history.replaceState(null, "", "/#/cleanup");
  start();
  expect(await screen.findByText(/your role cannot open it/)).toBeTruthy();
});

test("the settings of who may only list are sources and locations", async () => {
  serve({ ...home, "GET /api/session": () => ({ subject: "s", role: "SUPERVISOR", permissions: ["list", "download"] }), "GET /api/source/list": () => ({ sources: [], secretsKept: true }) });
  history.replaceState(null, "", "/#/settings");
  start();
  expect(await screen.findByText(/Ask an administrator to add a source/)).toBeTruthy();
  expect(screen.getByRole("link", { name: "Locations" }).getAttribute("href")).toBe("#/settings/places");
  for (const name of ["Channels", "Retention and limits"]) expect(screen.queryByRole("link", { name })).toBeNull();
});

test("signing out forgets the token", async () => {
  serve(home);
  start();
  await screen.findByRole("heading", { level: 1, name: /^All good/ });
  await userEvent.click(screen.getByRole("button", { name: "Sign out", hidden: true }));
  expect(await screen.findByText("You are signed out.")).toBeTruthy();
  expect(sessionStorage.getItem("cofre.session")).toBeNull();
});

test("a server that cannot be reached is told, and tried again when asked", async () => {
  let down = true;
  serve({
    ...home,
    "GET /api/session": () => {
      if (down) throw new TypeError("Failed to fetch");
      return home["GET /api/session"]();
    },
  });
  start();
  expect(await screen.findByText("The server cannot be reached.", {}, { timeout: 4_000 })).toBeTruthy();
  down = false;
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByRole("heading", { level: 1, name: /^All good/ })).toBeTruthy();
});

test("a server that has gone is told once, with what still works, and what was shown stays", async () => {
  let down = false;
  const answers = { ...home };
  for (const [route, answer] of Object.entries(home)) {
    answers[route as keyof typeof home] = ((a: Asked) => {
      if (down) throw new TypeError("Failed to fetch");
      return answer(a);
    }) as never;
  }
  serve(answers);
  start();
  await screen.findByTitle("one.dump");
  expect(screen.queryByText("The server cannot be reached.")).toBeNull();
  down = true;
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Status" }), "failed"); // a list that is not there yet
  expect(await screen.findByText("The server cannot be reached.", {}, { timeout: 8_000 })).toBeTruthy();
  await waitFor(() => expect(document.querySelectorAll(".notice")).toHaveLength(1));
  expect(screen.getByText(/While the server is down, backups can be listed and restored with the cofre command/)).toBeTruthy();
  expect(screen.getByText("Not loaded: the server cannot be reached.")).toBeTruthy(); // in its place, and no box
  expect(screen.getByRole("heading", { level: 1, name: /^When last asked, .*, all was good\.$/ })).toBeTruthy();
  expect(document.querySelector(".say.ok, .source.ok")).toBeNull();
  down = false;
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  await waitFor(() => expect(screen.queryByText("The server cannot be reached.")).toBeNull(), { timeout: 8_000 });
});

test("the slash leads to the search, unless such keys are off; Ctrl K opens the palette, which finds sources, screens and actions", async () => {
  serve(home);
  start();
  await screen.findByTitle("one.dump");
  await userEvent.keyboard("/");
  expect(document.activeElement).toBe(screen.getByRole("searchbox"));
  await userEvent.keyboard("a/b");
  expect(screen.getByRole<HTMLInputElement>("searchbox").value).toBe("a/b");
  await userEvent.click(screen.getByRole("checkbox", { name: /Shortcut/, hidden: true }));
  expect(localStorage.getItem("cofre.keys")).toBe("off");
  document.querySelector<HTMLElement>("main")!.focus();
  await userEvent.keyboard("/");
  expect(document.activeElement).toBe(document.querySelector("main"));
  await userEvent.keyboard("{Control>}k{/Control}");
  const palette = await screen.findByRole("dialog", { name: "Go to…" });
  const options = () => within(palette).getAllByRole("option").map((o) => o.firstChild!.textContent);
  expect(options()).toEqual(expect.arrayContaining(["shop", "Create backup", "Restore shop", "Settings"]));
  await userEvent.type(within(palette).getByRole("combobox"), "heal");
  expect(options()).toEqual(["Health"]);
  await userEvent.keyboard("{Enter}");
  expect(location.hash).toBe("#/health");
  expect(screen.queryByRole("dialog")).toBeNull();
});

test("coming back from the provider's page by the browser's button, one can sign in again", async () => {
  serve({ "GET /.well-known/openid-configuration": () => new Promise(() => {}) });
  start({ signedIn: false, config: { api: "", auth: { mode: "oidc", issuer: location.origin, clientId: "c", scope: "openid" } } });
  await userEvent.click(await screen.findByRole("button", { name: "Sign in" }));
  expect(screen.getByRole<HTMLButtonElement>("button", { name: /Opening the sign-in page/ }).disabled).toBe(true);
  act(() => void dispatchEvent(new Event("pageshow")));
  expect(screen.getByRole<HTMLButtonElement>("button", { name: "Sign in" }).disabled).toBe(false);
});

test("being offline is said on every screen", async () => {
  serve(home);
  start();
  await screen.findByRole("heading", { level: 1, name: /^All good/ });
  Object.defineProperty(navigator, "onLine", { value: false, configurable: true });
  act(() => void dispatchEvent(new Event("offline")));
  expect(screen.getByText(/You are offline/)).toBeTruthy();
  Object.defineProperty(navigator, "onLine", { value: true, configurable: true });
  act(() => void dispatchEvent(new Event("online")));
  await waitFor(() => expect(screen.queryByText(/You are offline/)).toBeNull());
});

test("the language changes at once, and is remembered", async () => {
  serve(home);
  start();
  await screen.findByRole("heading", { level: 1, name: /^All good/ });
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Language", hidden: true }), "pt-BR");
  expect(await screen.findByRole("link", { name: "Configurações" })).toBeTruthy();
  expect(document.documentElement.lang).toBe("pt-BR");
  expect(localStorage.getItem("cofre.language")).toBe("pt-BR");
});
