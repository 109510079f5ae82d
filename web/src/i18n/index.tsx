// The user's language. A catalogue that lacks a key, or has one too many, does not compile.

import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from "react";
import { createFormats, type Formats } from "../format";
import { en, type Messages } from "./en";
import { ptBR } from "./pt-BR";

export const languages = { "pt-BR": "Português", en: "English" } as const;
export type Language = keyof typeof languages;
export const catalogues: Record<Language, Messages> = { "pt-BR": ptBR, en };

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
  setLanguage(language: Language): void;
  t: Messages;
  f: Formats;
}

const Context = createContext<Text | null>(null);

export function LanguageProvider({ children, initial }: { children: ReactNode; initial?: Language }) {
  const [language, set] = useState<Language>(() => initial ?? chooseLanguage(localStorage.getItem(key), navigator.languages));
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const text = useMemo<Text>(
    () => ({
      language,
      setLanguage(next) {
        localStorage.setItem(key, next);
        set(next);
      },
      t: catalogues[language],
      f: createFormats(language),
    }),
    [language],
  );
  return <Context value={text}>{children}</Context>;
}

export function useText(): Text {
  const text = useContext(Context);
  if (!text) throw new Error("useText outside LanguageProvider");
  return text;
}
