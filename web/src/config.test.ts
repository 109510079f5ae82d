import { expect, test } from "vitest";
import { readConfig } from "./config";

test("a configuration is read, with its defaults", () => {
  expect(readConfig({ auth: { mode: "development" } })).toEqual({ api: "", auth: { mode: "development" } });
  expect(readConfig({ api: "https://api.example/prod/", auth: { mode: "oidc", issuer: "https://id.example", clientId: "c" } })).toEqual({
    api: "https://api.example/prod",
    auth: { mode: "oidc", issuer: "https://id.example", clientId: "c", scope: "openid" },
  });
});

test("a wrong configuration is refused, and the field is named", () => {
  const cases: [unknown, string][] = [
    [null, "config.json is no object"],
    [{}, "auth is no object"],
    [{ auth: { mode: "none" } }, "auth.mode"],
    [{ api: 1, auth: { mode: "development" } }, "api is no text"],
    [{ auth: { mode: "oidc", issuer: "https://id.example" } }, "auth.clientId is missing"],
  ];
  for (const [given, message] of cases) expect(() => readConfig(given)).toThrow(message);
});
