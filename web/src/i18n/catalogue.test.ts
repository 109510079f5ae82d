import { expect, test } from "vitest";
import { chooseLanguage } from "./index";
import { en } from "./en";
import { ptBR } from "./pt-BR";
import { auditEn } from "./audit.en";
import { auditPtBR } from "./audit.pt-BR";
import { createEn } from "./create.en";
import { createPtBR } from "./create.pt-BR";
import { detailsEn } from "./details.en";
import { detailsPtBR } from "./details.pt-BR";
import { keptEn } from "./kept.en";
import { keptPtBR } from "./kept.pt-BR";
import { moreEn } from "./more.en";
import { morePtBR } from "./more.pt-BR";
import { pinEn } from "./pin.en";
import { pinPtBR } from "./pin.pt-BR";
import { restoreEn } from "./restore.en";
import { restorePtBR } from "./restore.pt-BR";
import { retentionEn } from "./retention.en";
import { retentionPtBR } from "./retention.pt-BR";
import { screensEn } from "./screens.en";
import { screensPtBR } from "./screens.pt-BR";
import { signInEn } from "./signin.en";
import { signInPtBR } from "./signin.pt-BR";

const catalogues: [string, object, object][] = [["of the first screen", en, ptBR], ["of what comes a moment later", moreEn, morePtBR], ["of restoring", restoreEn, restorePtBR], ["of other screens", screensEn, screensPtBR], ["of the audit trail", auditEn, auditPtBR], ["of a backup's page", detailsEn, detailsPtBR], ["of places and channels", keptEn, keptPtBR], ["of a part of a database", createEn, createPtBR], ["of what is kept", retentionEn, retentionPtBR], ["of pins", pinEn, pinPtBR], ["of signing in", signInEn, signInPtBR]];

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
  const same = leaves(inEnglish).filter(([path, text]) => text.includes(" ") && !text.startsWith("Amazon ") && portuguese.get(path) === text);
  expect(same).toEqual([]);
});

// Words that read as if translated, or that name what has another name here.
const never: [RegExp, 1 | 2][] = [
  [/\b(look again|whatever|for ever|cancelled|keep days|too old for|there is no\b|speaks TLS|is not as it should|a right\b|the place of the|whoever|backups that (go|stay))|\b(goes|stays): /i, 1],
  [/(^|[^a-zà-ú])(sai|saem|lugar|direitos?|papel|papéis|etiquetas?|danificad[oa]s?|à mão|deletar|setar|dropar|e\/ou|com sucesso|por favor|infelizmente|definições|esquemas?|soma de verificação|manter dias|mais novos?|provad[oa]s?|provas?|olhar|olhou)([^a-zà-ú]|$)|(^|[^a-zà-ú])a? ?(fica|ficam): /i, 2],
];

test("no message reads as if it were translated", () => {
  for (const [words, at] of never) {
    expect(catalogues.flatMap((of) => leaves(of[at])).filter(([, text]) => words.test(text))).toEqual([]);
  }
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
