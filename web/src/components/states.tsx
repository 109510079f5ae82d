// What a screen shows while it has nothing to show: loading, empty, failed, offline.

import { notifyManager, useQueryClient } from "@tanstack/react-query";
import { useSyncExternalStore, type ReactNode } from "react";
import { ApiError, type BackupError } from "../api/client";
import { ownTimes } from "../format";
import { useText } from "../i18n";
import type { Messages } from "../i18n/en";
import { Icon, word } from "./basics";

export function Loading({ rows = 3 }: { rows?: number }) {
  const { t } = useText();
  return (
    <div className="skeleton" role="status">
      <span className="hidden">{t.states.loading}</span>
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} aria-hidden="true" />
      ))}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name="none" />
      <p>{title}</p>
      {children}
    </div>
  );
}

/** A text of the service, in the language of the words that it sent, or in English. */
export interface Said {
  text: string;
  lang: string;
}

export function Words({ of: said, className }: { of: Said | undefined; className?: string }) {
  return said && <span lang={said.lang} className={className}>{said.text}</span>;
}

/** Told is a text of an answer in the reader's language; `of` is the object that it stands in. */
export function Told({ text, of, className }: { text: string | undefined; of: { wordings?: Wordings }; className?: string }) {
  return <Words of={say(useText().language, text, of.wordings)} {...(className ? { className } : {})} />;
}

/** say finds what a text of the service, or the hint beside it, says in the reader's language. What has no words in it is English. */
export function say(language: string, text: string | undefined, wordings: Wordings, part: "text" | "hint" = "text"): Said | undefined {
  if (!text) return undefined;
  const said = wordings?.find((w) => w.language === language && (w.of ?? text) === text)?.[part];
  return { text: ownTimes(said ?? text), lang: said ? language : "en" };
}

export type Wordings = BackupError["wordings"];

/** A part of what went wrong: words for people by code and reason, and the service's own. */
interface Explained {
  title: string;
  detail?: Said | undefined;
  hint?: Said | undefined;
}

/** beyond is what a text says that its title has not said. */
function beyond(title: string, said: Said | undefined): Said | undefined {
  if (said && /^(o )?pg_dump (exited with|terminou com) status \d+$/.test(said.text) && /pg_dump/.test(title)) return undefined; // the log has its number
  if (!said?.text.toLowerCase().startsWith(title.toLowerCase())) return said;
  const rest = said.text.slice(title.length);
  if (!/^[:.]?$|^: /.test(rest)) return said;
  return rest.length > 2 ? { ...said, text: rest.slice(2) } : undefined;
}

/** explain finds the words for an error: those of known reasons are in the catalogue, the rest comes from the service. */
export function explain(t: Messages, e: { code?: string; reason?: string | undefined; message?: string; hint?: string | undefined; wordings?: Wordings }, language: string): Explained {
  const title = word(t.reasons, e.reason, word(t.codes, e.code, t.states.failed));
  return { title, detail: beyond(title, say(language, e.message, e.wordings)), hint: say(language, e.hint, e.wordings, "hint") };
}

/** Explanation shows an error that a record or an answer holds; `reasons` are words of a screen's own for some of them. */
export function Explanation({ error, tone = "bad", reasons, children }: { error: BackupError; tone?: "bad" | "none"; reasons?: Record<string, string>; children?: ReactNode }) {
  const { t, language } = useText();
  const e = explain(reasons ? { ...t, reasons: { ...t.reasons, ...reasons } } : t, error, language);
  return (
    <div className={`notice ${tone}`}>
      <Icon name={tone === "none" ? "stop" : tone} />
      <div>
        <p><strong>{e.title}</strong></p>
        {e.detail && <p lang={e.detail.lang} className="detail">{e.detail.text}</p>}
        {e.hint && <p><span className="muted">{t.states.whatToDo}</span> <Words of={e.hint} /></p>}
        {children}
      </div>
    </div>
  );
}

/** Failed says what went wrong with a call, and offers to try again. */
export function Failed({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const { t } = useText();
  const again = retry && (
    <p><button type="button" onClick={retry}>{t.states.tryAgain}</button></p>
  );
  if (error instanceof ApiError && error.unreachable) {
    return (
      <div className="notice warn" role="alert">
        <Icon name="warn" />
        <div>
          <p><strong>{t.states.unreachable}</strong></p>
          <p>{t.states.unreachableHint}</p>
          {again}
        </div>
      </div>
    );
  }
  const p = error instanceof ApiError ? error.problem : undefined;
  return (
    <div role="alert">
      <Explanation error={p ? { code: p.code, reason: p.reason ?? "", message: p.detail, hint: p.hint ?? "", wordings: p.wordings ?? [] } : { code: "InternalError", message: String(error instanceof Error ? error.message : error) }}>
        {p?.errors && <ul>{p.errors.map((e) => <li key={e.in + e.at + e.detail}><code>{e.at}</code>: <Told text={e.detail} of={e} /></li>)}</ul>}
        {p?.requestId && <p className="muted small-text">{t.states.requestId} <code>{p.requestId}</code></p>}
        {again}
      </Explanation>
    </div>
  );
}

export interface Query<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  isFetching: boolean;
  refetch(): unknown;
}

/** Missing says why a query gave nothing, or nothing newer. That the server is gone is said once, on top of the page. */
export function Missing({ query }: { query: Pick<Query<unknown>, "data" | "error" | "refetch"> }) {
  const { t } = useText();
  if (!query.error) return null;
  if (!unreachable(query.error)) return <Failed error={query.error} retry={() => query.refetch()} />;
  return query.data === undefined ? <p className="muted not-loaded">{t.front.gone.here}</p> : null;
}

/** Loaded shows a query's data, or loading, or its error. Data that is there stays, with the error above it. */
export function Loaded<T>({ query, rows, children }: { query: Query<T>; rows?: number; children: (data: T) => ReactNode }) {
  if (query.data === undefined) return query.error ? <Missing query={query} /> : <Loading {...(rows ? { rows } : {})} />;
  return (
    <>
      <Missing query={query} />
      {children(query.data)}
    </>
  );
}

const unreachable = (err: unknown) => err instanceof ApiError && err.unreachable;

/** useGone reports whether the server does not answer what the open screen asks. */
export function useGone(): boolean {
  const cache = useQueryClient().getQueryCache();
  return useSyncExternalStore((listener) => cache.subscribe(notifyManager.batchCalls(listener)), () => cache.findAll({ type: "active" }).some((q) => unreachable(q.state.error)));
}

/** Gone says once, on top of everything, that the server does not answer: what is shown, and what works without it. It goes when an answer comes. */
export function Gone() {
  const { t, f } = useText();
  const client = useQueryClient();
  const gone = useGone();
  // The place is there before, so that its words are said aloud when they come.
  const from = gone ? Math.max(0, ...client.getQueryCache().findAll({ type: "active" }).map((q) => q.state.dataUpdatedAt)) : 0;
  return (
    <div aria-live="assertive" className="gone-place">
      {gone && (
        <div className="notice warn gone">
          <Icon name="warn" />
          <div>
            <p><strong>{t.front.gone.title}</strong> {t.front.gone.what(from ? f.clock(from) : "")}</p>
            <p>{t.front.gone.still}</p>
          </div>
          <button type="button" onClick={() => void client.refetchQueries({ type: "active" })}>{t.states.tryAgain}</button>
        </div>
      )}
    </div>
  );
}

function subscribe(listener: () => void) {
  addEventListener("online", listener);
  addEventListener("offline", listener);
  return () => {
    removeEventListener("online", listener);
    removeEventListener("offline", listener);
  };
}

/** Offline is a line on top of everything while the browser has no network. */
export function Offline() {
  const { t } = useText();
  const online = useSyncExternalStore(subscribe, () => navigator.onLine);
  return <div role="status" className="offline-place">{online ? null : <p className="offline"><Icon name="warn" /> {t.states.offline}</p>}</div>;
}
