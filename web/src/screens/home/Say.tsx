// What stands on top: one sentence with its sign, the safe's dial; its cause, and the next step. The tab's icon and title follow it.

import { useEffect } from "react";
import type { Metrics } from "../../api/client";
import { useMay } from "../../api/context";
import { Icon, useNow, type Tone } from "../../components/basics";
import { explain, say, Words } from "../../components/states";
import { toList } from "../../charts/DayStrip";
import { useText } from "../../i18n";
import { straight } from "../../names";
import { stateTones, useFinding } from "../Sources";
import { causeOf, headline, newsOf, stepsOf } from "./sentence";

const marks: Record<Tone, string> = {
  ok: "m15.5 22.5 4.500 4.500 8.500-9.500", bad: "m17 17 10 10M27 17 17 27", warn: "M22 14.500v9M22 28.500v.2", run: "M22 14.500V22l5 3", none: "M17 22h10",
};

/** Seal is the safe's dial with the sign of a state. The words beside it say the same. */
export function Seal({ tone }: { tone: Tone }) {
  return (
    <svg className="seal" viewBox="0 0 44 44" aria-hidden="true" focusable="false">
      <circle className="ring" cx="22" cy="22" r="17" />
      <path className="ring" d="M22 1.500v5M22 37.500v5M1.500 22h5M37.500 22h5" />
      <path className="mark" d={marks[tone]} />
    </svg>
  );
}

const files: Record<Tone, string> = { ok: "icon.svg", none: "icon.svg", run: "icon.svg", warn: "icon-warn.svg", bad: "icon-bad.svg" };

/** useSign has the document's title and the tab's icon say how it stands, for as long as the screen is open. Behind other tabs nothing is asked, so
 * that the title says there of when it is. */
export function useSign(title: string, tone: Tone, asOf?: string) {
  const { f } = useText();
  useEffect(() => {
    const name = () => {
      document.title = straight(`${title}${asOf && document.hidden ? ` (${f.dateTime(asOf)})` : ""} · cofre`);
    };
    name();
    document.addEventListener("visibilitychange", name);
    return () => document.removeEventListener("visibilitychange", name);
  }, [title, asOf, f]);
  useEffect(() => {
    const link = document.querySelector<HTMLLinkElement>("link[rel=icon]");
    if (!link) return;
    link.href = `./${files[tone]}`;
    return () => {
      link.href = "./icon.svg";
    };
  }, [tone]);
}

export function Say({ metrics: m, stale }: { metrics: Metrics; /** The figures may be old: nothing is promised by them. */ stale: boolean }) {
  const { t, f, language } = useText();
  const may = useMay();
  const now = useNow(60_000);
  const words = t.front.say;
  const s = m.sentence;
  const source = m.sources.find((x) => x.source === s.source);
  const news = newsOf(s, source);
  const tone: Tone = stale || s.code === "nothing_yet" ? (stale ? "warn" : "none") : stateTones[s.state];
  const title = stale && s.code === "all_good" ? words.wasGood(f.when(m.at, now)) : headline(t, s, source);
  const finding = useFinding();
  useSign(title, tone, m.at);

  const at = s.at && `${f.when(s.at, now)} (${f.ago(s.at, now)})`;
  const error = news?.error && explain(t, news.error, language);
  const hint = error?.hint ?? (news && (t.findings.todo[news.code] ? { text: t.findings.todo[news.code]!, lang: language } : say(language, news.hint, news.wordings, "hint")));
  const known = source && news && finding(source, news);
  const cause = news && !error ? (known ? { text: causeOf(t, f, news, source, known) ?? "", lang: language } : say(language, news.text, news.wordings)) : undefined;
  return (
    <section className={`say ${tone}`} aria-labelledby="say">
      <Seal tone={tone} />
      <div>
        <h1 id="say">{title}</h1>
        {stale && <p>{words.old}</p>}
        {!stale && s.code === "all_good" && at && <p>{words.lostNow(s.source ?? "", at)} {s.provenAt ? words.tested(f.ago(s.provenAt, now)) : source?.proofsExpected ? words.untested : ""}</p>}
        {news && (
          <p>
            {error && <strong>{error.title}. </strong>}
            {cause?.text && <><Words of={{ ...cause, text: sentenceOf(cause.text) }} /> </>}
            {at ? words.lastGood(at) : words.noneGood} {hint && <><span className="todo">{t.states.whatToDo}</span> <Words of={{ ...hint, text: sentenceOf(hint.text) }} /></>}
            {s.others > 0 && ` ${words.others(s.others)}`}
          </p>
        )}
        {!news && s.others > 0 && <p>{words.others(s.others)}</p>}
      </div>
      <div className="acts">
        {stepsOf(t, s, source, may).map((step, i) => <a key={step.href} className={i === 0 && s.state !== "ok" ? "button primary" : "button"} href={step.href} onClick={step.href.startsWith("#/?") ? toList : undefined}>{step.name}</a>)}
        {s.code === "all_good" && may("create") && <a className="button calm" href="#/new"><Icon name="plus" />{t.home.create}</a>}
      </div>
    </section>
  );
}

/** sentenceOf makes a sentence of what stands behind a colon elsewhere. */
export const sentenceOf = (text: string): string => text.replace(/^\p{Ll}(?=[\p{L}-]*(?:[ ,;!?]|\.?$))/u, (letter) => letter.toUpperCase()) + (/[.!?]$/.test(text) ? "" : ".");
