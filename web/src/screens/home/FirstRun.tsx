// The home screen while there is nothing: one card that leads to the first backup, with what was found and what is missing for it.

import type { Health, Metrics } from "../../api/client";
import { useMay } from "../../api/context";
import { useHealth } from "../../api/queries";
import { Icon, useNow, word } from "../../components/basics";
import { checkTones, Found } from "../../components/Found";
import { Missing, say, Words } from "../../components/states";
import { useText } from "../../i18n";
import { useMoreWords } from "../../i18n/more";
import { useSign } from "./Say";

export function FirstRun({ metrics: m }: { metrics: Metrics }) {
  const { f } = useText();
  const w = useMoreWords().first;
  const may = useMay();
  const now = useNow(60_000);
  const looks = may("metrics");
  const health = useHealth(looks);
  useSign(w.title, "none");
  const configured = m.sources.filter((s) => s.configured);
  const next = configured.flatMap((s) => (s.nextScheduledAt ? [s.nextScheduledAt] : [])).sort()[0];
  const check = (name: string) => health.data?.checks?.find((c) => c.name === name);
  const database = check("database"), storage = check("permissions"), space = check("storage_space");
  const missing = [database, storage, space].some((c) => c?.result === "failed");
  const nothing = configured.length === 0 && may("sources");
  return (
    <section className="first card" aria-labelledby="first">
      <h1 id="first">{w.title}</h1>
      <p className="lead">{!may("create") ? w.mayNot : nothing ? w.leadSource : health.isLoading ? w.checking : missing ? w.leadNot : w.lead}</p>
      <Missing query={health} />
      {looks && (health.data || health.isLoading) && (
        <ul className="first-checks">
          {!nothing && <Line name={w.database} check={database} good={`${configured.length === 1 ? `${configured[0]!.source}, ` : configured.length > 1 ? `${w.count(configured.length)}, ` : ""}${w.reachable}`} wait={health.isLoading} />}
          <Line name={w.storage} check={storage} good={w.writable} wait={health.isLoading} />
          <Line name={w.space} check={space} good={w.room} wait={health.isLoading} />
          <li className={next ? "ok" : "none"}>
            <Icon name={next ? "ok" : "none"} /><strong>{w.schedule}</strong>
            <span>{next ? w.scheduled(f.when(next, now)) : w.unscheduled}{!next && may("sources") && <> <a href="#/settings/sources">{w.setSchedule}</a></>}</span>
          </li>
        </ul>
      )}
      {may("create") && (
        <p className="acts">
          {nothing && <a className="button primary" href="#/settings/sources/create">{w.addSource}</a>}
          {!nothing && <a className="button primary" href="#/new">{w.create}</a>}
          <span className="hint">{w.after}</span>
        </p>
      )}
    </section>
  );
}

function Line({ name, check: c, good, wait }: { name: string; check: NonNullable<Health["checks"]>[number] | undefined; good: string; wait: boolean }) {
  const { t, language } = useText();
  const { checks } = useMoreWords().health;
  if (!c) return wait ? <li className="none"><Icon name="run" /><strong>{name}</strong><span className="muted">…</span></li> : null;
  const tone = checkTones[c.result];
  const found = c.findings?.filter((x) => x.result !== "ok");
  const hint = say(language, c.hint, c.wordings, "hint");
  const detail = say(language, c.detail, c.wordings);
  return (
    <li className={tone}>
      <Icon name={tone} /><strong>{name}</strong>
      <span>
        {tone === "ok" ? good : found?.length ? <Found of={found} /> : <>{word(t.reasons, c.reason, "") || (detail && <Words of={detail} />)} <span className="muted">{t.states.whatToDo}</span> {hint ? <Words of={hint} /> : checks[c.name].todo}</>}
      </span>
    </li>
  );
}
