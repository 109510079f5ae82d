// The sources: what each is, when it is backed up next, and where that is set.

import { useState } from "react";
import { useSourceActions, useSources, type Source } from "../../api/sources";
import { useMay } from "../../api/context";
import { Badge, Time } from "../../components/basics";
import { CloseButton, Dialog } from "../../components/Dialog";
import { Loaded, Told } from "../../components/states";
import { readersZone } from "../../format";
import { useText } from "../../i18n";
import { useKeptWords } from "../../i18n/kept";
import { address, ListPage, OriginBadge, TroubleBadge, useSaid } from "./parts";
import { SourceFound } from "./SourceFound";
import { sourceSchedule } from "./words";

export function SourceList() {
  const w = useKeptWords();
  const query = useSources();
  const may = useMay();
  const said = useSaid();
  const [tested, setTested] = useState<string | null>(null);
  return (
    <ListPage kind="sources" said={said} count={query.data?.sources.length}>
      <Loaded query={query} rows={4}>
        {({ sources }) => (
          <ul className="card kept">
            {sources.map((s) => <Row key={s.name} of={s} {...(may("sources") && !s.follows?.length ? { onTest: () => setTested(s.name) } : {})} />)}
          </ul>
        )}
      </Loaded>
      {tested !== null && <TestDialog name={tested} title={`${w.actions.test}: ${tested}`} onClose={() => setTested(null)} />}
    </ListPage>
  );
}

function Row({ of: s, onTest }: { of: Source; onTest?: () => void }) {
  const { f, language } = useText();
  const w = useKeptWords();
  const parent = s.name.includes("/") ? s.name.slice(0, s.name.indexOf("/")) : undefined;
  return (
    <li className={parent ? "under" : undefined}>
      <div className="kept-name">
        {parent ? <strong>{s.name}</strong> : <a href={`#${address("sources", s.name)}`}>{s.name}</a>}
        {s.paused && <Badge tone="none" icon="stop">{w.sources.paused}</Badge>}
        {s.vanished && <Badge tone="warn">{w.sources.vanished}</Badge>}
        <TroubleBadge text={s.trouble} />
        {!parent && <OriginBadge origin={s.origin} />}
        {s.follows?.length ? <span className="muted small-text">{w.sources.follows(s.follows.join(", "))}</span> : null}
        {s.trouble && <Told className="small-text detail" text={s.trouble} of={s} />}
      </div>
      <div>
        <span>{sourceSchedule(w, language, s, readersZone())}</span>
        {!s.paused && !s.follows?.length && (
          <span className="muted small-text">{s.nextRuns?.[0] ? <>{w.sources.next}: <Time at={s.nextRuns[0]} /> · {f.ago(s.nextRuns[0], Date.now())}{s.nextRuns.length > 1 && <>, {w.sources.then(s.nextRuns.slice(1).map((at) => f.when(at, Date.now())).join("; "))}</>}</> : w.sources.noNext}</span>
        )}
      </div>
      {onTest && <button type="button" className="small" aria-label={`${w.actions.test}: ${s.name}`} onClick={onTest}>{w.actions.test}</button>}
    </li>
  );
}

function TestDialog({ name, title, onClose }: { name: string; title: string; onClose: () => void }) {
  const { test } = useSourceActions();
  return (
    <Dialog title={title} onClose={onClose} footer={<CloseButton onClose={onClose} />}>
      <SourceFound test={test} body={{ name }} />
    </Dialog>
  );
}
