import { act, screen } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";

// The app starts by being loaded.
beforeEach(() => {
  vi.resetModules();
  document.body.innerHTML = '<div id="root"></div>';
});

const load = () => act(() => import("./main"));

test("without a configuration it says so, in the user's language", async () => {
  localStorage.setItem("cofre.language", "pt-BR");
  vi.stubGlobal("fetch", () => Promise.resolve(new Response("", { status: 500 })));
  await load();
  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toContain("falha ao ler a configuração");
  expect(alert.closest("[lang]")!.getAttribute("lang")).toBe("pt-BR");
});

test("without a catalogue it says so all the same", async () => {
  vi.spyOn(navigator, "languages", "get").mockReturnValue(["pt-BR"]);
  vi.doMock("./i18n/pt-BR", () => {
    throw new Error("gone");
  });
  await load();
  const alert = await screen.findByRole("alert");
  expect(alert.textContent).toContain("O cofre não iniciou");
  expect(alert.closest("[lang]")!.getAttribute("lang")).toBe("pt-BR");
  expect(screen.getByRole("button", { name: "Tentar de novo" })).toBeTruthy();
  vi.doUnmock("./i18n/pt-BR");
});

test("in a browser that keeps nothing for sites it says so all the same", async () => {
  vi.stubGlobal("localStorage", { getItem: () => { throw new DOMException("The operation is insecure.", "SecurityError"); }, clear: () => {} });
  await load();
  expect((await screen.findByRole("alert")).textContent).toMatch(/cofre did not start.*The operation is insecure/);
  expect(screen.getByRole("button", { name: "Try again" })).toBeTruthy();
});
