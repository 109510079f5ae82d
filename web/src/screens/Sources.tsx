// How it stands with each source, as the API found it: what somebody should look at. Nothing of it is judged here.

import type { Finding, SourceSummary } from "../api/client";
import { useMay } from "../api/context";
import { toList } from "../charts/DayStrip";
import { Icon, useNow, type Tone } from "../components/basics";
import { explain, say, Words } from "../components/states";
import { useText } from "../i18n";
import { wayOf, type Next } from "./home/sentence";

export const stateTones: Record<SourceSummary["state"], Tone & ("ok" | "warn" | "bad")> = { ok: "ok", warning: "warn", failing: "bad" };

const rank: Record<SourceSummary["state"], number> = { failing: 0, warning: 1, ok: 2 };

/** lastGood is the last good backup that holds everything; where there is none, the last good one at all. */
export const lastGood = (s: SourceSummary | undefined) => s?.lastWhole ?? s?.lastGood;

/** worstFirst sorts sources by their state, and alike ones by the age of their last good backup. */
export function worstFirst(sources: readonly SourceSummary[]): SourceSummary[] {
  return [...sources].sort((a, b) => rank[a.state] - rank[b.state] || (lastGood(a)?.at ?? "").localeCompare(lastGood(b)?.at ?? ""));
}

/** Findings tells what somebody should look at in a source, but for the one that the sentence on top has told. */
export function Findings({ source: s, told }: { source: SourceSummary; told?: string | undefined }) {
  const { t } = useText();
  const found = s.findings.filter((x) => x.code !== told);
  if (found.length === 0) return null;
  const tone = found.some((x) => x.severity === "failing") ? "bad" : "warn";
  return (
    <section aria-label={t.findings.title} className={`notice ${tone}`}>
      <Icon name={tone} />
      <div>{found.map((x) => <One key={x.code} source={s} finding={x} />)}</div>
    </section>
  );
}

function One({ source: s, finding: x }: { source: SourceSummary; finding: Finding }) {
  const { t, language } = useText();
  const text = useFinding()(s, x);
  const error = x.error && explain(t, x.error, language);
  const said = say(language, x.text, x.wordings);
  const hint = say(language, x.hint, x.wordings, "hint");
  return (
    <div className="finding">
      <p><strong>{s.source}</strong>: {text ?? (said && <Words of={said} />)}{error && `: ${error.title}`}</p>
      {error?.detail && <p lang={error.detail.lang} className="detail small-text">{error.detail.text}</p>}
      <p className="small-text">
        <span className="muted">{t.states.whatToDo}</span> {error?.hint ? <Words of={error.hint} /> : t.findings.todo[x.code] ?? (hint && <Words of={hint} />)}
        <Way next={{ step: x.step, source: s.source, backupId: x.backupId }} />
      </p>
    </div>
  );
}

/** Way is a link to what is to be done next, behind a text. */
export function Way({ next }: { next: Next }) {
  const { t } = useText();
  const way = wayOf(t, next, useMay());
  return way && <> <a href={way.href} onClick={way.href.startsWith("#/?") ? toList : undefined}>{way.name}</a></>;
}

/** useFinding gives what says a finding in the user's language; undefined for a code that the catalogue does not know. */
export function useFinding() {
  const { t, f } = useText();
  const now = useNow(60_000);
  return (s: SourceSummary, x: Finding): string | undefined => {
    const age = s.lastWhole && f.ago(s.lastWhole.at, now);
    const since = x.since ? f.dateTime(x.since) : "";
    switch (x.code) {
      case "overdue": return t.findings.overdue(age, since);
      case "unscheduled": return t.findings.unscheduled(age);
      case "no_backup_yet": return t.findings.noBackupYet;
      case "failing": return t.findings.failing(since, s.failures);
      case "server_changed": return t.findings.serverChanged;
      case "unreadable": return t.findings.unreadable;
      case "future": return t.findings.future;
      case "only_parts": return t.findings.onlyParts;
      case "shrunk": return s.shrunkFrom && s.shrunkTo !== undefined ? t.findings.shrunk(f.bytes(s.shrunkFrom), f.bytes(s.shrunkTo)) : undefined;
      case "rows_lost": {
        const worst = s.rowsLost?.[0];
        return worst && !worst.dropped && s.tablesLost === 1 ? t.findings.rowsLost(worst.table, worst.percent, f.number(worst.before), f.number(worst.after)) : t.findings.tablesLost(s.tablesLost ?? 1);
      }
      case "contents_unknown": return t.findings.contentsUnknown;
      case "not_provable": return t.findings.notProvable;
      case "not_proven": return t.findings.notProven(s.lastProven && f.ago(s.lastProven.provenAt, now));
      case "proof_failed": return t.findings.proofFailed;
      case "size_limit_near":
      case "time_limit_near": {
        const limit = s.forecast?.reached.find((r) => r.limit === x.code);
        if (!limit) return undefined;
        const value = x.code === "size_limit_near" ? f.bytes(limit.value) : f.duration(limit.value);
        return t.findings.limitNear(x.code === "size_limit_near", value, Date.parse(limit.at) > now ? f.date(limit.at) : undefined);
      }
      case "damaged": return t.findings.damaged(s.damaged);
      default: return undefined;
    }
  };
}
