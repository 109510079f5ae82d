// How it stands with each source, as the API found it: what somebody should look at, and when each is backed up next. Nothing of
// it is judged here.

import type { Finding, SourceSummary } from "../api/client";
import { toList } from "../charts/DayStrip";
import { Badge, Icon, Time, useNow, type Tone } from "../components/basics";
import { explain } from "../components/states";
import { ownTimes } from "../format";
import { useText } from "../i18n";
import { writeFilters } from "../url";

export const stateTones: Record<SourceSummary["state"], Tone & ("ok" | "warn" | "bad")> = { ok: "ok", warning: "warn", failing: "bad" };

const rank: Record<SourceSummary["state"], number> = { failing: 0, warning: 1, ok: 2 };

/** lastGood is the last good backup that holds everything; where there is none, the last good one at all. */
export const lastGood = (s: SourceSummary | undefined) => s?.lastWhole ?? s?.lastGood;

/** worstFirst sorts sources by their state, and alike ones by the age of their last good backup. */
export function worstFirst(sources: readonly SourceSummary[]): SourceSummary[] {
  return [...sources].sort((a, b) => rank[a.state] - rank[b.state] || (lastGood(a)?.at ?? "").localeCompare(lastGood(b)?.at ?? ""));
}

/** most is how many sources have their findings told in full. */
const most = 5;

/** Findings tells what somebody should look at, the worst source first. */
export function Findings({ sources }: { sources: SourceSummary[] }) {
  const { t } = useText();
  const found = worstFirst(sources).filter((s) => s.findings.length > 0);
  if (found.length === 0) return null;
  return (
    <section aria-label={t.findings.title}>
      {found.slice(0, most).map((s) => (
        <div className={`notice ${stateTones[s.state]}`} key={s.source}>
          <Icon name={stateTones[s.state]} />
          <div>{s.findings.map((x) => <One key={x.code} source={s} finding={x} />)}</div>
        </div>
      ))}
      {found.length > most && <p className="notice warn"><Icon name="warn" />{t.findings.more(found.length - most)}</p>}
    </section>
  );
}

function One({ source: s, finding: x }: { source: SourceSummary; finding: Finding }) {
  const { t } = useText();
  const text = useFinding()(s, x);
  const error = x.error && explain(t, x.error);
  return (
    <div className="finding">
      <p><strong>{s.source}</strong>: {text ?? <span lang="en">{ownTimes(x.text)}</span>}{error && `: ${error.title}`}</p>
      {error?.detail && <p lang="en" className="detail small-text">{error.detail}</p>}
      <p className="small-text">
        <span className="muted">{t.states.whatToDo}</span> {error?.hint ? <span lang="en">{error.hint}</span> : t.findings.todo[x.code] ?? <span lang="en">{x.hint}</span>}
        {x.backupId && <> <a href={`#/backups/${x.backupId}`}>{t.findings.show}</a></>}
        {x.code === "damaged" && <> <a href={`#/?${writeFilters({ source: s.source, damaged: true })}`} onClick={toList}>{t.findings.showDamaged}</a></>}
      </p>
    </div>
  );
}

/** useFinding gives what says a finding in the user's language; undefined for a code that the catalogue does not know. */
function useFinding() {
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

/** Sources lists all of them, each with its last good backup and its own next run. */
export function Sources({ sources }: { sources: SourceSummary[] }) {
  const { t } = useText();
  return (
    <section className="card">
      <h2>{t.sources.title}</h2>
      <ul className="items">
        {worstFirst(sources).map((s) => {
          const last = lastGood(s);
          return (
            <li key={s.source}>
              <div className="item-head">
                <a href={`#/?${writeFilters({ source: s.source })}`}>{s.source}</a>
                {s.findings.length === 0 ? <Badge tone={stateTones[s.state]}>{s.state === "ok" ? t.sources.ok : t.health.results[s.state === "failing" ? "failed" : "warning"]}</Badge>
                  : s.findings.map((x) => <Badge key={x.code} tone={stateTones[x.severity]}>{t.findings.short[x.code] ?? x.code}</Badge>)}
              </div>
              <div><span className="muted">{t.sources.last}</span> {last ? <Time at={last.at} relative /> : t.sources.never}
                {(s.lastProven || s.proofsExpected) && <><span className="muted"> · {t.levels[s.lastProven?.inPart ? "proven_in_part" : "proven"]}</span> {s.lastProven ? <Time at={s.lastProven.provenAt} relative /> : t.notYet}</>}</div>
              <div><span className="muted">{t.sources.next}</span> {s.nextScheduledAt ? <Time at={s.nextScheduledAt} relative /> : t.tiles.noSchedule}</div>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
