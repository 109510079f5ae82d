// Language, theme and shortcuts: preferences, the only things that are kept in local storage.

import { languages, useText, type Language } from "../i18n";
import { useKeys } from "../keys";
import { setTheme, themes, useTheme, type Theme } from "../theme";

export function LanguageSwitch() {
  const { t, language, setLanguage } = useText();
  return (
    <select aria-label={t.switches.language} value={language} onChange={(e) => void setLanguage(e.target.value as Language)}>
      {Object.entries(languages).map(([code, name]) => <option key={code} value={code} lang={code}>{name}</option>)}
    </select>
  );
}

export function ThemeSwitch() {
  const { t } = useText();
  const theme = useTheme();
  return (
    <select aria-label={t.switches.theme} value={theme} onChange={(e) => setTheme(e.target.value as Theme)}>
      {themes.map((name) => <option key={name} value={name}>{t.switches.themes[name]}</option>)}
    </select>
  );
}

export function KeysSwitch() {
  const { t } = useText();
  const [on, set] = useKeys();
  return <label className="switch"><input type="checkbox" checked={on} onChange={(e) => set(e.target.checked)} /> {t.front.keys.shortcuts}</label>;
}
