// What a test of a source found.

import { useEffect } from "react";
import type { useSourceActions } from "../../api/sources";
import { Facts, Icon } from "../../components/basics";
import { Failed, Loading, say, Told, Words } from "../../components/states";
import { useText } from "../../i18n";
import { useKeptWords } from "../../i18n/kept";

type Test = ReturnType<typeof useSourceActions>["test"];

/** SourceFound shows it. With a body it asks by itself when it is shown. */
export function SourceFound({ test, body }: { test: Test; body?: Parameters<Test["mutate"]>[0] }) {
  const { t, f, language } = useText();
  const w = useKeptWords();
  useEffect(() => {
    if (body) test.mutate(body);
  }, []);
  if (test.error) return <Failed error={test.error} />;
  if (test.isPending || (body && !test.data)) return <Loading rows={3} />;
  const found = test.data;
  if (!found) return null;
  return (
    <div role="status" className="found">
      <p className={`notice ${found.ok ? "ok" : "bad"}`}><Icon name={found.ok ? "ok" : "bad"} /><strong>{found.ok ? w.sources.found : w.sources.cannot}</strong></p>
      {found.problem && <><p className="detail"><Told text={found.problem.message} of={found.problem} /></p>{found.problem.hint && <p><span className="muted">{t.states.whatToDo}</span> <Words of={say(language, found.problem.hint, found.problem.wordings, "hint")} /></p>}</>}
      <Facts of={[
        [w.sources.server, found.server],
        [w.sources.version, found.version],
        [w.sources.database, found.database],
        [w.sources.size, found.size === undefined ? undefined : f.bytes(found.size)],
        [w.sources.needs, found.needs.length > 0 && <ul>{found.needs.map((x) => <li key={x}><Told text={x} of={found} /></li>)}</ul>],
      ]} />
    </div>
  );
}
