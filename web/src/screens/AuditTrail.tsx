// Who did what, newest first: of one backup, or of everything.

import { useState } from "react";
import type { AuditRecord } from "../api/client";
import { useAudit, type AuditFilter } from "../api/queries";
import { Badge, Time, word, type Tone } from "../components/basics";
import { Empty, Failed, Loading } from "../components/states";
import { useText } from "../i18n";

const tones: Record<AuditRecord["outcome"], Tone> = { allowed: "ok", denied: "bad", failed: "warn" };

const outcomes = ["allowed", "denied", "failed"] as const;

export function AuditTrail({ resource }: { resource?: string }) {
  const { t } = useText();
  const [filter, setFilter] = useState<AuditFilter>(resource ? { resource } : {});
  const query = useAudit(filter);
  const records = query.data?.pages.flatMap((p) => p.records);
  return (
    <section className="card">
      <div className="card-head">
        <h2>{t.audit.title}</h2>
        {!resource && (
          <div className="actions">
            <select aria-label={t.audit.action} value={filter.action ?? ""} onChange={(e) => setFilter(({ action: _, ...rest }) => (e.target.value ? { ...rest, action: e.target.value } : rest))}>
              <option value="">{t.audit.anyAction}</option>
              {Object.entries(t.audit.actions).map(([action, name]) => <option key={action} value={action}>{name}</option>)}
            </select>
            <select aria-label={t.audit.outcome} value={filter.outcome ?? ""} onChange={(e) => setFilter(({ outcome: _, ...rest }) => (e.target.value ? { ...rest, outcome: e.target.value as AuditRecord["outcome"] } : rest))}>
              <option value="">{t.audit.anyOutcome}</option>
              {outcomes.map((o) => <option key={o} value={o}>{t.audit.outcomes[o]}</option>)}
            </select>
          </div>
        )}
      </div>
      {query.error && <Failed error={query.error} retry={() => query.refetch()} />}
      {!records ? !query.error && <Loading /> : records.length === 0 ? <Empty title={t.audit.none} /> : (
        <div className="scroll" tabIndex={0} role="region" aria-label={t.audit.title}>
          <table className="plain-table">
            <thead><tr><th scope="col">{t.audit.at}</th><th scope="col">{t.audit.who}</th><th scope="col">{t.audit.action}</th><th scope="col">{t.audit.outcome}</th><th scope="col">{t.audit.source}</th></tr></thead>
            <tbody>
              {records.map((r) => (
                <tr key={r.id}>
                  <td><Time at={r.at} /></td>
                  <td>{r.name || r.actor}{r.role && <span className="muted"> · {r.role}</span>}</td>
                  <td>{r.detail?.dry_run === "true" ? t.audit.previewed : word(t.audit.actions, r.action)}</td>
                  <td><Badge tone={tones[r.outcome]}>{t.audit.outcomes[r.outcome]}</Badge>{r.reason && <span className="muted"> {word(t.reasons, r.reason)}</span>}</td>
                  <td className="muted">{r.source}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {query.hasNextPage && <div className="more"><button type="button" onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>{t.list.more}</button></div>}
    </section>
  );
}
