import { expect, it } from "vitest";
import type { Backup } from "../api/client";
import { en } from "../i18n/en";
import { sourceText } from "./Part";

it("a source that turns its name around is seen to", () => {
  expect(sourceText(en, { source: "a\u202egpj", database: "d\u2066b", sourceKnown: true } as Backup)).toBe("a\\u{202e}gpj · d\\u{2066}b");
});
