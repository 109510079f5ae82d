// When a source is backed up next, while its schedule is being chosen: by the reader's clock.

import { useMemo } from "react";
import type { Source, SourceList } from "../../api/sources";
import { useNow } from "../../components/basics";
import { useText } from "../../i18n";
import { useKeptWords } from "../../i18n/kept";
import { readersZone } from "../../format";
import { nextRuns } from "./runs";
import { cronOf } from "./schedule";
import type { SourceDraft } from "./source";
import { NextRuns } from "./SourcePage";
import { saidSchedule } from "./words";

/** defaultOf is what the deployment says of a key, as far as its sources tell: one that leaves it out has it. undefined is not known, "" nothing. */
export function defaultOf(all: SourceList, key: "schedule" | "zone"): string | undefined {
  const one = all.sources.find((s) => !s.trouble && (s.defaulted.includes(key) || s[key] === undefined));
  return one && (one[key] ?? "");
}

/** useDraftSchedule gives a draft's expression and zone, with the deployment's in what it leaves out; undefined is not known. */
export function useDraftSchedule(all: SourceList, draft: SourceDraft) {
  const { language } = useText();
  const w = useKeptWords();
  const own = cronOf(draft.schedule);
  const standard = own === undefined ? defaultOf(all, "schedule") : undefined;
  const expression = own ?? (standard === "" ? "never" : standard);
  const others = defaultOf(all, "zone");
  const zone = draft.zone.trim() || (others === "" ? "UTC" : others);
  const words = saidSchedule(w, language, expression, zone, readersZone());
  return { expression, zone, words: own === undefined && expression !== undefined ? w.sources.followsDefault(words) : words };
}

/** DraftRuns says a schedule that is being chosen in words, and when it comes due next. Of one that is saved as it stands here, the API says that. */
export function DraftRuns({ all, draft, saved }: { all: SourceList; draft: SourceDraft; saved: Source | undefined }) {
  const w = useKeptWords();
  const now = useNow(60_000);
  const { expression, zone, words } = useDraftSchedule(all, draft);
  const runs = useMemo(() => (expression && expression !== "never" && zone && !saved?.nextRuns ? nextRuns(expression, zone, now) : undefined), [expression, zone, now, saved]);
  if (expression === "") return null;
  const due = saved?.nextRuns ?? runs?.map((at) => new Date(at).toISOString());
  const planned = expression !== undefined && expression !== "never" && !draft.paused;
  return (
    <div className="next" role="status">
      <p><strong>{words}</strong></p>
      {planned && (due?.length ? <><h3>{w.sources.nextRuns}</h3><NextRuns of={due} /></> : <p className="hint">{due ? w.sources.noRuns : w.sources.runsUnread}</p>)}
    </div>
  );
}
