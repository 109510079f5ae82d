import { expect, test } from "vitest";
import { chooseLanguage } from "./index";
import { en } from "./en";
import { ptBR } from "./pt-BR";

/** Every file of words that there is: what is in a folder is held, not what somebody has listed. */
const files: Record<string, Record<string, object>> = import.meta.glob(["./**/en.ts", "./**/pt-BR.ts", "./**/*.en.ts", "./**/*.pt-BR.ts"], { eager: true });

/** words is all that a file exports of them. */
const words = (name: string): object => Object.values(files[name] ?? {});

const catalogues: [string, object, object][] = Object.keys(files).filter((name) => /\ben\.ts$/.test(name)).map((name) => [name, words(name), words(name.replace(/\ben\.ts$/, "pt-BR.ts"))]);

test("every file of words has its other language beside it, and is found", () => {
  expect(Object.keys(files).length).toBe(2 * catalogues.length);
  expect(catalogues.filter(([, ...both]) => both.some((of) => leaves(of).length === 0))).toEqual([]);
  expect(catalogues.map(([name]) => name)).toEqual(expect.arrayContaining(["./en.ts", "./home.en.ts", "./signin.en.ts"]));
});

test("words stand in these files alone", () => {
  const sources: Record<string, string> = import.meta.glob(["../**/*.{ts,tsx}", "!./**", "!../**/*.test.{ts,tsx}", "!../test/**"], { eager: true, query: "?raw", import: "default" });
  expect(Object.keys(sources).length).toBeGreaterThan(50);
  // What is said before any catalogue is there, and the language's own name.
  const may = [/^const plain = .*$/m, '"Português"'];
  expect(Object.entries(sources).filter(([, text]) => /[à-ú]/i.test(may.reduce<string>((rest, words) => rest.replace(words, ""), text))).map(([name]) => name)).toEqual([]);
});

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
