// What a check found of each source by itself: a line each, and what to do about it.

import type { Health } from "../api/client";
import { useText } from "../i18n";
import { Icon, type Tone } from "./basics";
import { say, Words } from "./states";

export const checkTones = { ok: "ok", warning: "warn", failed: "bad" } as const satisfies Record<string, Tone>;

type Finding = NonNullable<NonNullable<Health["checks"]>[number]["findings"]>[number];

export function Found({ of }: { of: Finding[] }) {
  const { t, language } = useText();
  return (
    <ul className="found-lines">
      {of.map((x) => {
        const tone = checkTones[x.result];
        const hint = x.result === "ok" ? undefined : say(language, x.hint, x.wordings, "hint");
        return (
          <li key={x.text} className={tone}>
            <Icon name={tone} /><span className="hidden">{t.results[x.result]}: </span>
            <div>
              <p><Words of={say(language, x.text, x.wordings)} /></p>
              {hint && <p className="small-text"><span className="muted">{t.states.whatToDo}</span> <Words of={hint} /></p>}
            </div>
          </li>
        );
      })}
    </ul>
  );
}
