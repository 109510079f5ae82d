import { expect, test } from "vitest";
import { serve } from "../test/world";
import { answerOf, keptSecret, Refused, takeSecret } from "./development";

test("the secret is taken out of the address, and kept for the tab", () => {
  sessionStorage.clear();
  history.replaceState(null, "", "/?a=1#secret=ABC234");
  takeSecret(sessionStorage);
  expect(location.href).not.toContain("ABC234");
  expect(location.search).toBe("?a=1");
  expect(keptSecret(sessionStorage)).toBe("ABC234");
  expect(localStorage.length).toBe(0);
  history.replaceState(null, "", "/#/health?secret=X");
  takeSecret(sessionStorage);
  expect(location.hash).toBe("#/health?secret=X");
});

test("a secret that is refused is forgotten", async () => {
  sessionStorage.setItem("cofre.secret", "OLD");
  serve({ "POST /dev/token": () => new Response("{}", { status: 403 }) });
  await expect(answerOf("ADMIN", "OLD", sessionStorage)).rejects.toThrow(Refused);
  expect(keptSecret(sessionStorage)).toBe("");
});
