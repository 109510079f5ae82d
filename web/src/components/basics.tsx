// Small parts that every screen is made of.

import { useEffect, useId, useState, type ReactNode } from "react";
import { useText } from "../i18n";
import { straight } from "../names";

const icons = {
  ok: "M4.500 10.500l3.500 3.500 7.500-8",
  bad: "M5.500 5.500l9 9M14.500 5.500l-9 9",
  warn: "M10 4.500v7M10 15v.5",
  run: "M10 3.500a6.500 6.500 0 100 13 6.500 6.500 0 000-13M10 6.500V10l2.500 1.500",
  none: "M6 10h8",
  stop: "M6.500 6.500h7v7h-7z",
  part: "M10 3.500a6.500 6.500 0 106.500 6.500H10z",
  plus: "M10 4v12M4 10h12",
  download: "M10 3.500v9M6 9l4 4 4-4M4 16.500h12",
  trash: "M4 6h12M8 6V4h4v2M6 6l.7 10h6.600L14 6",
  copy: "M7 7h9v9H7zM4 13V4h9",
  search: "M9 4a5 5 0 100 10A5 5 0 009 4zM13 13l3.500 3.500",
  home: "M3.500 9L10 3.500 16.500 9v7.500h-13z",
  back: "M4 10a6 6 0 102-4.500M4 3.500V7h3.500M10 6.500V10l2.500 1.500",
  pulse: "M2.500 10.500h3.500l2.500-6 3.500 11 2-5h3.500",
  trail: "M5 3.500h10v13H5zM7.500 7h5M7.500 10h5M7.500 13h3",
  set: "M3 6h8M15 6h2M3 14h2M9 14h8M13 6a2 2 0 10-.01 0M7 14a2 2 0 10-.01 0",
} as const;

export type IconName = keyof typeof icons;

/** word gives the catalogue's word for a code of the API, which may know more codes than the catalogue. */
export function word(words: Record<string, string>, code: string | undefined, otherwise = code ?? ""): string {
  return code !== undefined && Object.hasOwn(words, code) ? words[code]! : otherwise;
}

/** Icon is decoration; what it means stands in the text beside it. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={icons[name]} />
    </svg>
  );
}

export type Tone = "ok" | "bad" | "warn" | "run" | "none";

/** Badge tells a state by colour, sign and word. */
export function Badge({ tone, icon, children }: { tone: Tone; icon?: IconName; children: ReactNode }) {
  return (
    <span className={`badge ${tone}`}>
      <Icon name={icon ?? tone} />
      {children}
    </span>
  );
}

/** Time shows a time as the user's clock has it, and in UTC when pointed at or focused. */
export function Time({ at, relative }: { at: string; relative?: boolean }) {
  const { f } = useText();
  const now = useNow(relative ? 30_000 : undefined);
  const utc = f.utc(at);
  return (
    <time className="time" dateTime={at} tabIndex={0} data-utc={relative ? `${f.dateTime(at)} · ${utc}` : utc}>
      {relative ? f.ago(at, now) : f.dateTime(at)}
    </time>
  );
}

/** useNow gives the time, anew every so many milliseconds. */
export function useNow(every: number | undefined): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    if (every === undefined) return;
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** CopyButton copies a text and says that it did. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const { t } = useText();
  const [state, setState] = useState<"idle" | "copied" | "failed">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), 2_500);
    return () => clearTimeout(timer);
  }, [state]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text); // there is no clipboard on a page without TLS
      setState("copied");
    } catch {
      setState("failed");
    }
  };
  return (
    <button type="button" className="small" onClick={copy} aria-label={t.copy.label(what)}>
      <Icon name={state === "copied" ? "ok" : "copy"} />
      <span aria-live="polite">{t.copy[state]}</span>
    </button>
  );
}

/** Command is a line for the shell, with a button that copies it. */
export function Command({ text, what }: { text: string; what: string }) {
  return (
    <div className="command">
      <code tabIndex={0}>{text}</code>
      <CopyButton text={text} what={what} />
    </div>
  );
}

/** Field is a labelled control with a hint and what is wrong with it. */
export function Field({ label, hint, error, children }: {
  label: string;
  hint?: ReactNode;
  error?: ReactNode;
  children: (ids: { id: string; "aria-describedby": string | undefined; "aria-invalid": boolean }) => ReactNode;
}) {
  const id = useId();
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, "aria-describedby": described, "aria-invalid": Boolean(error) })}
      {hint && <p className="hint" id={`${id}-hint`}>{hint}</p>}
      {error && <p className="wrong" id={`${id}-error`}>{error}</p>}
    </div>
  );
}

/** Page has a title, and says once in which zone its times are. The title is the document's too. */
export function Page({ title, lead, actions, zoned, children }: { title: string; /** What stands below it. */ lead?: ReactNode; actions?: ReactNode; /** There are times on it. */ zoned?: boolean; children: ReactNode }) {
  const { t, f } = useText();
  useEffect(() => {
    document.title = straight(`${title} · cofre`);
  }, [title]);
  return (
    <>
      <div className="page-head">
        <div className="page-title">
          <h1>{title}</h1>
          {lead}
        </div>
        {actions && <div className="actions">{actions}</div>}
      </div>
      {children}
      {zoned && <p className="hint zone">{t.states.zone(f.zone())}</p>}
    </>
  );
}

/** Facts is a list of names and values; values that are nothing are left out. */
export function Facts({ of }: { of: [name: string, value: ReactNode][] }) {
  return (
    <dl className="facts">
      {of.filter(([, value]) => value !== undefined && value !== null && value !== "" && value !== false).map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
