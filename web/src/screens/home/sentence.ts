// The one sentence about how it stands: the API says what the news is, here are its words and where its next step leads.

import type { Finding, Metrics, SourceSummary } from "../../api/client";
import type { Permission } from "../../api/context";
import type { Formats } from "../../format";
import type { Messages } from "../../i18n/en";
import { writeFilters } from "../../url";

export type Sentence = Metrics["sentence"];

/** newsOf gives the finding that a sentence tells. */
export const newsOf = (s: Sentence, source: SourceSummary | undefined): Finding | undefined => source?.findings.find((f) => f.code === (s.code as string));

/** headline is the sentence itself. */
export function headline(t: Messages, s: Sentence, source: SourceSummary | undefined): string {
  const say = t.front.say;
  const of = s.source ?? "";
  switch (s.code) {
    case "all_good": return say.allGood(of, s.sources);
    case "nothing_yet": return say.nothingYet;
    case "failing": return say.failing(of, source?.failures ?? 1);
    case "damaged": return say.damaged(of, source?.damaged ?? 1);
    case "rows_lost": {
      const worst = source?.rowsLost?.[0];
      const one = worst && !worst.dropped && source?.tablesLost === 1;
      return say.rowsLost(of, source?.tablesLost ?? 1, one ? worst.table : "", one ? worst.percent : 0);
    }
    default: return Object.hasOwn(say.news, s.code) ? say.news[s.code]!(of) : say.other(of);
  }
}

/** causeOf adds to a sentence what it leaves open; undefined where it has said all. `told` is what is said of the finding elsewhere, of which some is the sentence again. */
export function causeOf(t: Messages, f: Formats, news: Finding, source: SourceSummary | undefined, told: string | undefined): string | undefined {
  const say = t.front.say;
  const lost = source?.rowsLost ?? [];
  switch (news.code) {
    case "overdue": return news.since && say.expected(f.dateTime(news.since));
    case "rows_lost": return lost[0] && (source?.tablesLost === 1 && !lost[0].dropped ? say.rowsWere(f.number(lost[0].before), f.number(lost[0].after)) : `${lost.slice(0, 4).map((x) => x.table).join(", ")}${(source?.tablesLost ?? 0) > 4 ? "…" : ""}`);
    case "shrunk": case "size_limit_near": case "time_limit_near": case "server_changed": case "unreadable": return told;
    default: return undefined;
  }
}

/** A way out of what the sentence says. */
export interface Step {
  name: string;
  href: string;
}

/** Next is what is to be done, and about whom: without a source, about all of them. */
export interface Next {
  step?: Finding["step"] | undefined;
  source?: string | undefined;
  backupId?: string | undefined;
}

/** wayOf leads to what is to be done next; undefined where the role may not, or nothing here is a way to it. */
export function wayOf(t: Messages, { step, source = "", backupId }: Next, may: (p: Permission) => boolean): Step | undefined {
  const list = (filters: Parameters<typeof writeFilters>[0]) => `#/?${writeFilters({ ...filters, ...(source && { source }) })}`;
  const href = ((): string | undefined => {
    switch (step) {
      case "create": return may("create") ? `#/new${source && `?source=${encodeURIComponent(source)}`}` : undefined;
      case "look": case "compare": case "prove": return backupId && `#/backups/${backupId}`;
      case "show_backups": return list({});
      case "show_damaged": return list({ damaged: true });
      case "watch": return list({ status: "in_progress" });
      case "show_source": return `#/settings/sources${source && `/${encodeURIComponent(source)}`}`;
      case "show_places": return "#/settings/places";
      case "show_checks": return may("metrics") ? "#/health" : undefined;
      case "make_room": return may("cleanup") ? "#/cleanup" : undefined;
      default: return undefined;
    }
  })();
  return href === undefined || step === undefined ? undefined : { name: t.front.say.steps[step], href };
}

/** stepsOf gives what a sentence says is to be done next, the first of them first, as far as the role may. */
export function stepsOf(t: Messages, s: Sentence, of: SourceSummary | undefined, may: (p: Permission) => boolean): Step[] {
  const first = wayOf(t, s.code === "nothing_yet" && s.step === "create" ? { step: "create" } : s, may);
  const earlier = s.step === "compare" && s.earlierId && may("restore") && {
    name: t.front.say.earlier,
    href: `#/restore?backup=${s.earlierId}${of?.tablesLost === 1 && of.rowsLost?.[0] ? `&table=${encodeURIComponent(of.rowsLost[0].table)}` : ""}`,
  };
  return [first, earlier].filter((x): x is Step => !!x);
}
