// Who did what, newest first: of one backup, or of everything.

import { useState } from "react";
import type { AuditRecord } from "../api/client";
import { useAudit, type AuditFilter } from "../api/queries";
import { Badge, Time, word, type Tone } from "../components/basics";
import { Empty, Failed, Loading } from "../components/states";
import { useText } from "../i18n";
import { useScreenWords } from "../i18n/screens";

const tones: Record<AuditRecord["outcome"], Tone> = { allowed: "ok", denied: "bad", failed: "warn" };

const outcomes = ["allowed", "denied", "failed"] as const;

export function AuditTrail({ resource }: { resource?: string }) {
  const { t } = useText();
  const w = useScreenWords();
  const [filter, setFilter] = useState<AuditFilter>(resource ? { resource } : {});
  const query = useAudit(filter);
  const records = query.data?.pages.flatMap((p) => p.records);
  return (
    <section className="card">
      <div className="card-head">
        <h2>{w.audit.title}</h2>
        {!resource && (
          <div className="actions">
            <select aria-label={w.audit.action} value={filter.action ?? ""} onChange={(e) => setFilter(({ action: _, ...rest }) => (e.target.value ? { ...rest, action: e.target.value } : rest))}>
              <option value="">{w.audit.anyAction}</option>
              {Object.entries(w.audit.actions).map(([action, name]) => <option key={action} value={action}>{name}</option>)}
            </select>
            <select aria-label={w.audit.outcome} value={filter.outcome ?? ""} onChange={(e) => setFilter(({ outcome: _, ...rest }) => (e.target.value ? { ...rest, outcome: e.target.value as AuditRecord["outcome"] } : rest))}>
              <option value="">{w.audit.anyOutcome}</option>
              {outcomes.map((o) => <option key={o} value={o}>{w.audit.outcomes[o]}</option>)}
            </select>
          </div>
        )}
      </div>
      {query.error && <Failed error={query.error} retry={() => query.refetch()} />}
      {!records ? !query.error && <Loading /> : records.length === 0 ? <Empty title={w.audit.none} /> : (
        <div className="scroll" tabIndex={0} role="region" aria-label={w.audit.title}>
          <table className="plain-table">
            <thead><tr><th scope="col">{w.audit.at}</th><th scope="col">{w.audit.who}</th><th scope="col">{w.audit.action}</th><th scope="col">{w.audit.outcome}</th><th scope="col">{w.audit.source}</th></tr></thead>
            <tbody>
              {records.map((r) => (
                <tr key={r.id}>
                  <td><Time at={r.at} /></td>
                  <td>{r.name || r.actor}{r.role && <span className="muted"> · {r.role}</span>}</td>
                  <td>{r.detail?.dry_run === "true" ? w.audit.previewed : word(w.audit.actions, r.action)}</td>
                  <td><Badge tone={tones[r.outcome]}>{w.audit.outcomes[r.outcome]}</Badge>{r.reason && <span className="muted"> {word(t.reasons, r.reason)}</span>}</td>
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
