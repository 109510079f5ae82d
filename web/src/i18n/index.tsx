// The user's language. A catalogue that lacks a key, or has one too many, does not compile.

import { createContext, use, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { createFormats, type Formats } from "../format";
import type { Messages } from "./en";

export const languages = { "pt-BR": "Português", en: "English" } as const;
export type Language = keyof typeof languages;

/** loadCatalogue fetches a language's messages: the browser loads the one that is wanted. */
export const loadCatalogue: Record<Language, () => Promise<Messages>> = {
  "pt-BR": () => import("./pt-BR").then((m) => m.ptBR),
  en: () => import("./en").then((m) => m.en),
};

const key = "cofre.language";

/** chooseLanguage gives the language that was chosen before, or the first of the browser's that there is. */
export function chooseLanguage(kept: string | null, wanted: readonly string[]): Language {
  if (kept === "en" || kept === "pt-BR") return kept;
  for (const language of wanted) {
    if (/^pt\b/i.test(language)) return "pt-BR";
    if (/^en\b/i.test(language)) return "en";
  }
  return "en";
}

interface Text {
  language: Language;
  setLanguage(language: Language): Promise<void>;
  t: Messages;
  f: Formats;
}

const Context = createContext<Text | null>(null);

/** What loads the words of screens that were opened: they change with the language, too. */
const opened: ((language: Language) => Promise<unknown>)[] = [];

/** screenWords gives the hook for the words of screens that are loaded when they are opened: a catalogue of their own in each language,
 * which the first screen does not pay for. The hook suspends until they are there; its `load` fetches them beforehand. */
export function screenWords<T>(catalogues: Record<Language, () => Promise<T>>): (() => T) & { load(language: Language): Promise<T> } {
  const asked = new Map<Language, Promise<T>>();
  const load = (language: Language) => {
    let words = asked.get(language);
    if (!words) {
      const loading = (words = catalogues[language]());
      asked.set(language, loading);
      // As React itself notes of a promise what came of it: whoever looks later need not wait. What failed, the hook throws.
      loading.then((value) => Object.assign(loading, { status: "fulfilled", value }), () => {});
    }
    return words;
  };
  // A language that did not come can be chosen again.
  opened.push((language) => load(language).catch((err: unknown) => {
    asked.delete(language);
    throw err;
  }));
  const useWords = () => use(load(useText().language));
  return Object.assign(useWords, { load });
}

export const wantedLanguage = () => chooseLanguage(localStorage.getItem(key), navigator.languages);

export function LanguageProvider({ children, initial, messages }: { children: ReactNode; initial: Language; messages: Messages }) {
  const [current, set] = useState({ language: initial, t: messages });
  useEffect(() => {
    document.documentElement.lang = current.language;
  }, [current.language]);
  const text = useMemo<Text>(
    () => ({
      ...current,
      async setLanguage(language) {
        // Without a network the language stays as it is.
        const [t] = await Promise.all([loadCatalogue[language](), ...opened.map((load) => load(language))]).catch(() => []);
        if (!t) return;
        localStorage.setItem(key, language);
        set({ language, t });
      },
      f: createFormats(current.language),
    }),
    [current],
  );
  return <Context value={text}>{children}</Context>;
}

export function useText(): Text {
  const text = useContext(Context);
  if (!text) throw new Error("useText outside LanguageProvider");
  return text;
}
