import { act, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { backup, everything, metrics, problem, serve, start } from "./test/world";

const token = () => ({ token: "DEV", expiresAt: new Date(Date.now() + 3_600_000).toISOString(), role: "ADMIN" });
const home = {
  "GET /api/session": () => ({ subject: "u1", name: "Ana", role: "ADMIN", permissions: everything }),
  "GET /api/metrics/summary": () => metrics(),
  "GET /api/backup/list": () => ({ backups: [backup({ filename: "one.dump" })], total: 1 }),
};

test("the development sign-in takes a role and shows the home screen, where the user wanted to be", async () => {
  const asked = serve({ ...home, "POST /dev/token": token, "GET /api/health": () => ({ status: "ok", checkedAt: new Date().toISOString(), checks: [] }) });
  history.replaceState(null, "", "/#/health");
  start({ signedIn: false });
  expect(screen.getByText("Development sign-in")).toBeTruthy();
  await userEvent.type(screen.getByLabelText(/^Secret/), "S3CRET");
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
  expect(await screen.findByText(/Your session has ended/)).toBeTruthy();
  expect(sessions.get().session).toBeUndefined();
  expect(sessionStorage.getItem("cofre.session")).toBeNull();
  expect(location.hash).toBe("#/settings");
  await userEvent.click(screen.getByRole("button", { name: /^ADMIN/ }));
  expect(location.hash).toBe("#/settings");
});

test("a token whose time is over is not waited for", async () => {
  serve(home);
  const { sessions } = start();
  await screen.findByRole("heading", { name: "Backups", level: 1 });
  act(() => sessions.begin({ token: "short", expiresAt: Date.now() + 50 }));
  expect(await screen.findByText(/Your session has ended/)).toBeTruthy();
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
  expect(await screen.findByRole("button", { name: "Download one.dump" })).toBeTruthy();
  for (const name of ["Create backup", "Cleanup", "Health", "Settings"]) expect(screen.queryByRole("link", { name })).toBeNull();
  expect(screen.queryByRole("button", { name: "Delete one.dump" })).toBeNull();
  expect(screen.queryByRole("checkbox")).toBeNull();
});

test("an address of what a role may not see says that it is not there", async () => {
  serve({ ...home, "GET /api/session": () => ({ subject: "s", role: "SUPERVISOR", permissions: ["list"] }) });
  history.replaceState(null, "", "/#/settings");
  start();
  expect(await screen.findByText(/your role may not see it/)).toBeTruthy();
});

test("signing out forgets the token", async () => {
  serve(home);
  start();
  await screen.findByRole("heading", { level: 1, name: "Backups" });
  await userEvent.click(screen.getByRole("button", { name: "Sign out", hidden: true }));
  expect(screen.getByText("You are signed out.")).toBeTruthy();
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
  expect(await screen.findByText("The server cannot be reached", {}, { timeout: 4_000 })).toBeTruthy();
  down = false;
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  expect(await screen.findByRole("heading", { level: 1, name: "Backups" })).toBeTruthy();
});

test("coming back from the provider's page by the browser's button, one can sign in again", async () => {
  serve({ "GET /.well-known/openid-configuration": () => new Promise(() => {}) });
  start({ signedIn: false, config: { api: "", auth: { mode: "oidc", issuer: location.origin, clientId: "c", scope: "openid" } } });
  await userEvent.click(screen.getByRole("button", { name: "Sign in" }));
  expect(screen.getByRole<HTMLButtonElement>("button", { name: /Going to/ }).disabled).toBe(true);
  act(() => void dispatchEvent(new Event("pageshow")));
  expect(screen.getByRole<HTMLButtonElement>("button", { name: "Sign in" }).disabled).toBe(false);
});

test("being offline is said on every screen", async () => {
  serve(home);
  start();
  await screen.findByRole("heading", { level: 1, name: "Backups" });
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
  await screen.findByRole("heading", { level: 1, name: "Backups" });
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "Language", hidden: true }), "pt-BR");
  expect(await screen.findByRole("link", { name: "Configurações" })).toBeTruthy();
  expect(document.documentElement.lang).toBe("pt-BR");
  expect(localStorage.getItem("cofre.language")).toBe("pt-BR");
});
