import { expect, test } from "vitest";
import { chooseLanguage } from "./index";
import { en } from "./en";
import { ptBR } from "./pt-BR";
import { restoreEn } from "./restore.en";
import { restorePtBR } from "./restore.pt-BR";
import { screensEn } from "./screens.en";
import { screensPtBR } from "./screens.pt-BR";

const catalogues: [string, object, object][] = [["of the first screen", en, ptBR], ["of restoring", restoreEn, restorePtBR], ["of other screens", screensEn, screensPtBR]];

/** leaves gives every message with its path; functions are called with numbers and words. */
function leaves(of: object, path = ""): [string, string][] {
  return Object.entries(of).flatMap(([key, value]): [string, string][] => {
    const here = path ? `${path}.${key}` : key;
    if (typeof value === "string") return [[here, value]];
    if (typeof value === "function") return [1, 2].map((n) => [here, String(value(n, n, n, n))]);
    if (Array.isArray(value)) return value.map((v) => [here, String(v)]);
    return leaves(value as object, here);
  });
}

test.each(catalogues)("no message is empty, and both languages say the same things: %s", (_, inEnglish, inPortuguese) => {
  const english = leaves(inEnglish);
  const portuguese = leaves(inPortuguese);
  expect(portuguese.map(([path]) => path)).toEqual(english.map(([path]) => path));
  for (const [path, text] of [...english, ...portuguese]) {
    expect(text.trim(), path).not.toBe("");
    expect(text, path).not.toMatch(/undefined|NaN|\[object/);
  }
});

test.each(catalogues)("sentences are translated, not copied: %s", (_, inEnglish, inPortuguese) => {
  const portuguese = new Map(leaves(inPortuguese));
  const same = leaves(inEnglish).filter(([path, text]) => text.includes(" ") && portuguese.get(path) === text);
  expect(same).toEqual([]);
});

test("counts are in the right number", () => {
  expect(en.list.deleted(1)).toBe("1 backup deleted.");
  expect(en.list.deleted(1200)).toBe("1,200 backups deleted.");
  expect(ptBR.list.deleted(1)).toBe("1 backup excluído.");
  expect(ptBR.list.deleted(1200)).toBe("1.200 backups excluídos.");
});

test("the language is the chosen one, or the first of the browser's that there is", () => {
  expect(chooseLanguage(null, ["fr-FR", "pt-PT", "en"])).toBe("pt-BR");
  expect(chooseLanguage(null, ["fr-FR", "en-GB", "pt"])).toBe("en");
  expect(chooseLanguage(null, ["fr-FR"])).toBe("en");
  expect(chooseLanguage("en", ["pt-BR"])).toBe("en");
  expect(chooseLanguage("xx", ["pt-BR"])).toBe("pt-BR");
});
