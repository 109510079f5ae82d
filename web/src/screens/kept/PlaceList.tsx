// The second locations: how far each is behind.

import { useState } from "react";
import { usePlaceActions, usePlaces, type Place } from "../../api/kept";
import { useMay } from "../../api/context";
import { Badge } from "../../components/basics";
import { CloseButton, Dialog } from "../../components/Dialog";
import { Loaded, Told } from "../../components/states";
import { useText } from "../../i18n";
import { useKeptWords } from "../../i18n/kept";
import { address, ListPage, OriginBadge, TroubleBadge, useSaid } from "./parts";
import { PlaceFound } from "./PlaceFound";

export function PlaceList() {
  const w = useKeptWords();
  const may = useMay();
  const query = usePlaces();
  const said = useSaid();
  const [tested, setTested] = useState<string | null>(null);
  return (
    <ListPage kind="places" said={said} count={query.data?.places.length}>
      <Loaded query={query} rows={4}>
        {({ places }) => <ul className="card kept">{places.map((p) => <Row key={p.name} of={p} {...(may("places") ? { onTest: () => setTested(p.name) } : {})} />)}</ul>}
      </Loaded>
      {tested !== null && <TestDialog name={tested} title={`${w.actions.test}: ${tested}`} onClose={() => setTested(null)} />}
    </ListPage>
  );
}

/** Behind says how far a location is behind. */
export function Behind({ of: p }: { of: Place }) {
  const w = useKeptWords();
  const { late, unknown, waiting } = p.copies;
  if (p.sources.length === 0) return <span className="muted">{w.places.unused}</span>;
  if (late > 0) return <Badge tone="warn">{w.places.late(late)}</Badge>;
  if (unknown > 0) return <Badge tone="warn">{w.places.unknown(unknown)}</Badge>;
  return waiting > 0 ? <span>{w.places.waiting(waiting)}</span> : <Badge tone="ok">{w.places.inSync}</Badge>;
}

function Row({ of: p, onTest }: { of: Place; onTest?: () => void }) {
  const { f } = useText();
  const w = useKeptWords();
  // A place that only a path names, in the environment or the file, has no page of its own.
  const named = !p.name.includes("/");
  return (
    <li>
      <div className="kept-name">
        {named ? <a href={`#${address("places", p.name)}`}>{p.name}</a> : <strong className="detail">{p.name}</strong>}
        {p.kind && <span className="muted small-text">{[w.places.kinds[p.kind], p.storageClass].filter(Boolean).join(", ")}</span>}
        <TroubleBadge text={p.trouble} />
        <OriginBadge origin={p.origin} />
      </div>
      <div>
        <span><Behind of={p} /></span>
        {p.copies.lastAt && <span className="muted small-text">{w.places.last}: {f.ago(p.copies.lastAt, Date.now())}</span>}
        {p.trouble && <Told className="small-text detail" text={p.trouble} of={p} />}
      </div>
      {onTest && <button type="button" className="small" aria-label={`${w.actions.test}: ${p.name}`} onClick={onTest}>{w.actions.test}</button>}
    </li>
  );
}

function TestDialog({ name, title, onClose }: { name: string; title: string; onClose: () => void }) {
  const { test } = usePlaceActions();
  return (
    <Dialog title={title} onClose={onClose} footer={<CloseButton onClose={onClose} />}>
      <PlaceFound test={test} begin={() => test.mutate({ name })} />
    </Dialog>
  );
}
