// What a test of a second location found.

import { useEffect } from "react";
import type { PlaceTest } from "../../api/kept";
import { Badge, Icon } from "../../components/basics";
import { Failed, Loading, say, Told, Words } from "../../components/states";
import { useText } from "../../i18n";
import { useKeptWords } from "../../i18n/kept";

const tones = { ok: "ok", warning: "warn", failed: "bad" } as const;

/** PlaceFound shows it; `begin` is called when it is shown. */
export function PlaceFound({ test, begin }: { test: { data: PlaceTest | undefined; error: unknown; isPending: boolean }; begin?: () => void }) {
  const w = useKeptWords();
  const { language } = useText();
  useEffect(() => begin?.(), []);
  if (test.error) return <Failed error={test.error} />;
  if (test.isPending || (begin && !test.data)) return <Loading rows={3} />;
  if (!test.data) return null;
  return (
    <div role="status" className="found">
      <p className={`notice ${test.data.ok ? "ok" : "bad"}`}><Icon name={test.data.ok ? "ok" : "bad"} /><strong>{test.data.ok ? w.places.found : w.places.cannot}</strong></p>
      <ul className="found-checks">
        {test.data.checks.map((c) => (
          <li key={c.name}>
            <p><Badge tone={tones[c.result]}>{w.places.results[c.result]}</Badge> <strong><Told text={c.name} of={c} /></strong></p>
            <p className="detail"><Told text={c.detail} of={c} /></p>
            {c.hint && <p className="muted detail"><Words of={say(language, c.hint, c.wordings, "hint")} /></p>}
          </li>
        ))}
      </ul>
    </div>
  );
}
