// What the screens of storage locations and channels have in common.

import { useEffect, useRef, useState, type ReactNode } from "react";
import { isConflict, wrongKeys, wrongOf, type Origin, type SecretShown, type Wrong } from "../../api/kept";
import { ApiError } from "../../api/client";
import { useMay } from "../../api/context";
import { Badge, Field, Icon, Page } from "../../components/basics";
import { CloseButton, Dialog } from "../../components/Dialog";
import { Empty, Failed, Loaded, type Query, Told, type Wordings } from "../../components/states";
import { useText } from "../../i18n";
import { useKeptWords, type KeptWords } from "../../i18n/kept";
import { guard, navigate } from "../../url";
import type { SecretDraft } from "./secret";

export type Kind = "sources" | "places" | "channels";

/** Sections leads from one part of the settings to the others; what the role may not see is not there. */
export function Sections({ current }: { current: Kind | "general" }) {
  const w = useKeptWords();
  const may = useMay();
  const all = [["sources", may("list")], ["places", may("list")], ["channels", may("settings_read")], ["general", may("settings_read")]] as const;
  return (
    <nav className="sections" aria-label={w.sections.label}>
      {all.filter(([, shown]) => shown).map(([kind]) => (
        <a key={kind} href={kind === "general" ? "#/settings" : `#/settings/${kind}`} aria-current={kind === current ? "page" : undefined}>{w.sections[kind]}</a>
      ))}
    </nav>
  );
}

export const address = (kind: Kind, name: string) => `/settings/${kind}/${encodeURIComponent(name)}`;

/** OnePage is one of a kind: a form for who may change it, where it is kept here, and otherwise what it is set to; without a name a new one. */
export function OnePage<All, Item extends { name: string }, Details>({ kind, name, all, one, items, form, shown }: {
  kind: Kind;
  name: string | undefined;
  all: Query<All>;
  one: Query<Details>;
  items: (all: All) => Item[];
  /** Nothing where it cannot be changed here. */
  form: (all: All, details: Details | undefined, item: Item | undefined) => ReactNode;
  shown: (item: Item | undefined, details: Details | undefined) => ReactNode;
}) {
  const { t } = useText();
  const w = useKeptWords();
  const mayChange = useMay()(kind);
  return (
    <Page title={name ?? w[kind].addTitle} zoned>
      <Sections current={kind} />
      <Loaded query={all} rows={6}>
        {(all) => {
          const item = items(all).find((x) => x.name === name);
          if (name === undefined ? !mayChange : !mayChange && !item) return <Empty title={t.notFound.text} />;
          if (name === undefined) return form(all, undefined, undefined);
          if (!mayChange) return shown(item, undefined);
          // A backup may be of what is in no list: another database of the environment's server, or one under a name that somebody typed.
          if (one.error instanceof ApiError && one.error.status === 404) {
            return item ? shown(item, undefined) : (
              <Empty title={w.origin.unlisted}>{kind === "sources" && <p className="muted">{w.sources.unlisted}</p>}<a className="button" href={`#/settings/${kind}`}>{w.actions.back}</a></Empty>
            );
          }
          return <Loaded query={one} rows={6}>{(details) => form(all, details, item) || shown(item, details)}</Loaded>;
        }}
      </Loaded>
    </Page>
  );
}

/** ListPage is the list of one kind: its head, what happened last, and an empty state that leads on. */
export function ListPage({ kind, said, count, children }: { kind: Kind; said: string; count: number | undefined; children: ReactNode }) {
  const w = useKeptWords();
  const mayChange = useMay()(kind);
  const add = mayChange && <a className="button primary" href={`#/settings/${kind}/create`}><Icon name="plus" />{w[kind].add}</a>;
  return (
    <Page title={w[kind].title} zoned={kind !== "places"} actions={count ? add : undefined}>
      <Sections current={kind} />
      <p role="status" className={said ? "said" : undefined}>{said}</p>
      {count === 0 ? (
        <div className="card empty">
          <Icon name={kind === "channels" ? "warn" : "none"} />
          <p>{mayChange ? w[kind].none : w[kind].noneRead}</p>
          {add}
        </div>
      ) : (
        <><p className="lead">{w[kind].lead}</p>{children}</>
      )}
    </Page>
  );
}

/** whereSet says in which place something is set. */
export function whereSet(w: KeptWords, o: Origin): string {
  if (o.kind === "file") return o.line ? w.origin.file(o.file ?? "cofre.yaml", String(o.line)) : w.origin.fileOnly(o.file ?? "cofre.yaml");
  return o.kind === "environment" ? w.origin.environment : w.origin.bucket;
}

/** OriginBadge marks what is changed elsewhere. */
export function OriginBadge({ origin }: { origin: Origin }) {
  const w = useKeptWords();
  // Its whole path stands on the page of what it sets.
  const short = { ...origin, ...(origin.file ? { file: origin.file.slice(origin.file.lastIndexOf("/") + 1) } : {}) };
  return origin.kind === "bucket" ? null : <span className="origin small-text muted"><Icon name="stop" />{whereSet(w, short)}</span>;
}

/** ReadOnly says why nothing can be changed here. */
export function ReadOnly({ origin, editable }: { origin: Origin; editable: boolean }) {
  const w = useKeptWords();
  return <p className="notice none"><Icon name="stop" /><span>{editable ? w.origin.mayNot : w.origin.readOnly(whereSet(w, origin))}</span></p>;
}

export function Trouble({ of }: { of: { trouble?: string; wordings?: Wordings } | undefined }) {
  const w = useKeptWords();
  return of?.trouble ? <div className="notice bad"><Icon name="bad" /><div><p><strong>{w.errors.trouble}</strong></p><p><Told text={of.trouble} of={of} /></p></div></div> : null;
}

export const TroubleBadge = ({ text }: { text: string | undefined }) => {
  const w = useKeptWords();
  return text ? <Badge tone="bad">{w.errors.trouble}</Badge> : null;
};

/** secretText says where a secret is; never what it is. */
export function secretText(w: KeptWords, s: SecretShown): string {
  const of = w.secret.shown[s.kind];
  return typeof of === "string" ? of : of(s.reference ?? "");
}

/** useWrong gives what the API says of single fields, and leads to the first of them. A key of which no field speaks is shown by Refused. */
export function useWrong(error: unknown, known: readonly string[]) {
  const form = useRef<HTMLFormElement>(null);
  const wrong: Wrong = wrongKeys(error);
  const all = [...wrong.keys()].every((key) => known.some((k) => key === k || key.startsWith(`${k}.`)));
  useEffect(() => {
    if (error && wrong.size > 0) {
      const first = form.current?.querySelector<HTMLElement>("[aria-invalid=true]");
      for (let e: Element | null | undefined = first; e; e = e.parentElement) if (e instanceof HTMLDetailsElement) e.open = true;
      first?.focus();
    }
  }, [error]);
  return {
    form,
    /** of gives what is wrong with these keys. */
    of: (...keys: string[]): ReactNode => {
      const what = wrongOf(wrong, ...keys);
      return what && <Told text={what.detail} of={what} />;
    },
    /** Whether every word of the refusal stands beside a field. */
    told: wrong.size > 0 && all,
  };
}

/** Refused says why something was not saved; what somebody else changed meanwhile is loaded by a button. */
export function Refused({ error, told, reload }: { error: unknown; told: boolean; reload?: () => void }) {
  const w = useKeptWords();
  if (!error) return null;
  if (isConflict(error)) {
    return (
      <div className="notice warn" role="alert">
        <Icon name="warn" />
        <div><p>{w.errors.conflict}</p>{reload && <p><button type="button" onClick={reload}>{w.actions.reload}</button></p>}</div>
      </div>
    );
  }
  return told ? <p className="notice bad" role="alert"><Icon name="bad" /><span>{w.errors.marked}</span></p> : <Failed error={error} />;
}

/** useGuard asks before unsaved changes are left: by a link, by the browser's way back, by closing the page. It gives the dialog that asks, and a way to leave unasked. */
export function useGuard(dirty: boolean): [asking: ReactNode, leave: (to: string) => void] {
  const w = useKeptWords();
  const [wanted, setWanted] = useState<string | null>(null);
  const guarded = useRef(dirty);
  guarded.current = dirty;
  const leave = (to: string) => {
    guarded.current = false;
    navigate(to);
  };
  useEffect(() => {
    if (!dirty) return;
    const here = location.hash;
    const onClick = (e: MouseEvent) => {
      const to = e.target instanceof Element ? e.target.closest<HTMLAnchorElement>('a[href^="#/"]')?.getAttribute("href") : undefined;
      if (!guarded.current || !to || to === here || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
      e.preventDefault();
      setWanted(to.slice(1));
    };
    guard.holds = () => {
      if (!guarded.current || location.hash === here) return false;
      setWanted(location.hash.slice(1) || "/");
      history.pushState(null, "", here);
      return true;
    };
    const onUnload = (e: Event) => guarded.current && e.preventDefault();
    document.addEventListener("click", onClick, true);
    addEventListener("beforeunload", onUnload);
    return () => {
      document.removeEventListener("click", onClick, true);
      guard.holds = undefined;
      removeEventListener("beforeunload", onUnload);
    };
  }, [dirty]);
  const asking = wanted !== null && (
    <Dialog title={w.actions.discardTitle} onClose={() => setWanted(null)} footer={<>
      <CloseButton onClose={() => setWanted(null)} label={w.actions.stay} />
      <button type="button" className="danger" onClick={() => leave(wanted)}>{w.actions.remaining}</button>
    </>}>
      <p>{w.actions.discardText}</p>
    </Dialog>
  );
  return [asking, leave];
}

/** RemoveDialog asks before something is kept no longer. */
export function RemoveDialog({ kind, name, busy, error, onClose, onRemove }: { kind: Kind; name: string; busy: boolean; error: unknown; onClose: () => void; onRemove: () => void }) {
  const w = useKeptWords();
  return (
    <Dialog title={w[kind].removeTitle(name)} onClose={onClose} busy={busy} footer={<>
      <CloseButton onClose={onClose} disabled={busy} label={w.actions.cancel} />
      <button type="button" className="danger" disabled={busy} onClick={onRemove}>{w[kind].removeYes}</button>
    </>}>
      <p>{w[kind].removeText}</p>
      {error ? <Failed error={error} /> : null}
    </Dialog>
  );
}

/** SecretField takes a secret, or says where the server finds it. What is kept is never shown: it stays, or another takes its place. */
export function SecretField({ label, hint, draft, set, kept, optional, keepable, error }: {
  label: string;
  hint?: string;
  draft: SecretDraft;
  set: (draft: SecretDraft) => void;
  /** Whether the server can keep secrets. */
  kept: boolean;
  /** There may be none. */
  optional?: boolean;
  /** There is one that can stay. */
  keepable?: boolean;
  error?: ReactNode;
}) {
  const w = useKeptWords();
  const ways = [...(keepable ? ["keep" as const] : []), ...(optional ? ["none" as const] : []), "value" as const, "env" as const, "secret" as const];
  const typed = draft.how === "value" || draft.how === "env" || draft.how === "secret";
  const told = draft.how === "keep" ? w.secret.kept : draft.how === "none" ? hint : draft.how === "value" ? [hint, w.secret.value].filter(Boolean).join(" ") : w.secret[draft.how];
  return (
    <Field label={label} hint={told} error={error}>
      {(ids) => {
        const choice = (
          <select {...(typed ? { "aria-label": w.secret.how(label) } : ids)} value={draft.how} onChange={(e) => set({ how: e.target.value as SecretDraft["how"], text: e.target.value === "env" ? "COFRE_" : "" })}>
            {ways.map((way) => <option key={way} value={way} disabled={way === "value" && !kept}>{w.secret.ways[way]}</option>)}
          </select>
        );
        return (
          <div className="with-way">
            {choice}
            {typed && <input {...ids} type={draft.how === "value" ? "password" : "text"} value={draft.text} autoComplete={draft.how === "value" ? "new-password" : "off"} autoCapitalize="none" spellCheck={false} onChange={(e) => set({ ...draft, text: e.target.value })} />}
          </div>
        );
      }}
    </Field>
  );
}

/** Select is a field of a few choices. */
export function Select<T extends string>({ label, hint, error, value, options, onChange }: { label: string; hint?: ReactNode; error?: ReactNode; value: T; options: readonly (readonly [T, string])[]; onChange: (value: T) => void }) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(ids) => <select {...ids} value={value} onChange={(e) => onChange(e.target.value as T)}>{options.map(([v, text]) => <option key={v} value={v}>{text}</option>)}</select>}
    </Field>
  );
}

/** Text is a field for one line. */
export function Text({ label, hint, error, value, onChange, short, numeric, ...rest }: {
  label: string; hint?: ReactNode; error?: ReactNode; value: string; onChange: (value: string) => void; short?: boolean; numeric?: boolean;
  type?: string; list?: string; placeholder?: string | undefined; autoComplete?: string; required?: boolean; maxLength?: number; pattern?: string; onPaste?: (e: React.ClipboardEvent<HTMLInputElement>) => void;
}) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(ids) => <input {...ids} autoComplete="off" autoCapitalize="none" spellCheck={false} className={short ? "short" : undefined} inputMode={numeric ? "numeric" : undefined} {...rest} value={value} onChange={(e) => onChange(e.target.value)} />}
    </Field>
  );
}

/** Radios is a choice of two or three, each of which may bring fields of its own. */
export function Radios<T extends string>({ legend, name, value, options, onChange }: { legend: string; name: string; value: T; options: readonly (readonly [T, string, (string | undefined)?])[]; onChange: (value: T) => void }) {
  return (
    <fieldset className="choice">
      <legend>{legend}</legend>
      {options.map(([v, label, hint]) => (
        <label key={v}>
          <input type="radio" name={name} value={v} checked={v === value} onChange={() => onChange(v)} />
          <span><strong>{label}</strong>{hint && <span className="hint">{hint}</span>}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** Changed says who changed it last. */
export function Changed({ of }: { of: { at: string; by: string } | undefined }) {
  const { f } = useText();
  const w = useKeptWords();
  return of ? <p className="hint apart">{w.origin.changed(of.by, f.dateTime(of.at))}</p> : null;
}

let parting = "";

/** sayThere has the next list that opens say something: what was done on the screen before. */
export const sayThere = (text: string) => { parting = text; };

/** useSaid gives what the screen before left to be said. */
export function useSaid(): string {
  const [said] = useState(() => parting);
  useEffect(() => { parting = ""; }, []);
  return said;
}
