// What a screen shows while it has nothing to show: loading, empty, failed, offline.

import type { ReactNode } from "react";
import { useSyncExternalStore } from "react";
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

/** A part of what went wrong: words for people by code and reason, and the service's own words, which are English. */
interface Explained {
  title: string;
  detail?: string | undefined;
  hint?: string | undefined;
}

/** explain finds the words for an error. Known reasons are in the catalogue; the rest is shown as the API says it. */
export function explain(t: Messages, e: { code?: string; reason?: string | undefined; message?: string; hint?: string | undefined }): Explained {
  const title = word(t.reasons, e.reason, word(t.codes, e.code, t.states.failed));
  return { title, detail: e.message && ownTimes(e.message), hint: e.hint };
}

/** Explanation shows an error that a record or an answer holds; `reasons` are words of a screen's own for some of them. */
export function Explanation({ error, tone = "bad", reasons, children }: { error: BackupError; tone?: "bad" | "none"; reasons?: Record<string, string>; children?: ReactNode }) {
  const { t } = useText();
  const e = explain(reasons ? { ...t, reasons: { ...t.reasons, ...reasons } } : t, error);
  return (
    <div className={`notice ${tone}`}>
      <Icon name={tone === "none" ? "stop" : tone} />
      <div>
        <p><strong>{e.title}</strong></p>
        {e.detail && <p lang="en" className="detail">{e.detail}</p>}
        {e.hint && <p><span className="muted">{t.states.whatToDo}</span> <span lang="en">{e.hint}</span></p>}
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
      <Explanation error={p ? { code: p.code, reason: p.reason ?? "", message: p.detail, hint: p.hint ?? "" } : { code: "InternalError", message: String(error instanceof Error ? error.message : error) }}>
        {p?.errors && <ul lang="en">{p.errors.map((e) => <li key={e.in + e.at + e.detail}><code>{e.at}</code>: {e.detail}</li>)}</ul>}
        {p?.requestId && <p className="muted small-text">{t.states.requestId} <code>{p.requestId}</code></p>}
        {again}
      </Explanation>
    </div>
  );
}

interface Query<T> {
  data: T | undefined;
  error: unknown;
  isPending: boolean;
  isFetching: boolean;
  refetch(): unknown;
}

/** Loaded shows a query's data, or loading, or its error. Data that is there stays, with the error above it. */
export function Loaded<T>({ query, rows, children }: { query: Query<T>; rows?: number; children: (data: T) => ReactNode }) {
  if (query.data === undefined) {
    return query.error ? <Failed error={query.error} retry={() => query.refetch()} /> : <Loading {...(rows ? { rows } : {})} />;
  }
  return (
    <>
      {query.error ? <Failed error={query.error} retry={() => query.refetch()} /> : null}
      {children(query.data)}
    </>
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
