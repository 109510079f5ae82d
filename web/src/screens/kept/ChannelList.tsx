// The channels: who is told of what, and whether the receivers answer.

import { useState } from "react";
import { useChannelActions, useChannels, type Channel } from "../../api/kept";
import { useMay } from "../../api/context";
import { Badge, word } from "../../components/basics";
import { CloseButton, Dialog } from "../../components/Dialog";
import { Loaded, Told } from "../../components/states";
import { useText } from "../../i18n";
import { useKeptWords } from "../../i18n/kept";
import { ChannelFound } from "./ChannelFound";
import { address, ListPage, OriginBadge, TroubleBadge, useSaid } from "./parts";

export function ChannelList() {
  const w = useKeptWords();
  const may = useMay();
  const query = useChannels();
  const said = useSaid();
  const [tested, setTested] = useState<string | null>(null);
  return (
    <ListPage kind="channels" said={said} count={query.data?.channels.length}>
      <Loaded query={query} rows={4}>
        {({ channels }) => <ul className="card kept">{channels.map((c) => <Row key={c.name} of={c} {...(may("settings_write") ? { onTest: () => setTested(c.name) } : {})} />)}</ul>}
      </Loaded>
      {tested !== null && <TestDialog name={tested} title={`${w.actions.test}: ${tested}`} onClose={() => setTested(null)} />}
    </ListPage>
  );
}

function Row({ of: c, onTest }: { of: Channel; onTest?: () => void }) {
  const { f } = useText();
  const w = useKeptWords();
  return (
    <li>
      <div className="kept-name">
        <a href={`#${address("channels", c.name)}`}>{c.name}</a>
        <span className="muted small-text">{word(w.channels.kinds, c.kind)}</span>
        <TroubleBadge text={c.trouble} />
        {c.failingSince && <Badge tone="bad">{w.channels.failing(f.dateTime(c.failingSince))}</Badge>}
        <OriginBadge origin={c.origin} />
      </div>
      <div>
        <span>{[w.channels.tells[c.severity], c.events.length > 0 && w.channels.some(c.events.length), c.sources.join(", "), c.digest && `${w.channels.digest}: ${w.channels.digests[c.digest]}`].filter(Boolean).join(" · ")}</span>
        <span className="muted small-text">{c.lastSent ? w.channels.sent(f.ago(c.lastSent, Date.now())) : w.channels.neverSent}{c.waiting > 0 && ` · ${w.channels.waiting(c.waiting)}`}</span>
        {(c.trouble ?? c.lastError) && <Told className="small-text detail" text={c.trouble ?? c.lastError} of={c} />}
      </div>
      {onTest && <button type="button" className="small" aria-label={`${w.actions.test}: ${c.name}`} onClick={onTest}>{w.actions.test}</button>}
    </li>
  );
}

function TestDialog({ name, title, onClose }: { name: string; title: string; onClose: () => void }) {
  const { test } = useChannelActions();
  return (
    <Dialog title={title} onClose={onClose} footer={<CloseButton onClose={onClose} />}>
      <ChannelFound test={test} begin={() => test.mutate(name)} />
    </Dialog>
  );
}
