// One page from the backup to the button, which can be read upwards again: which, what, where, and the plan.

import { useEffect, useMemo, useState, type FormEvent } from "react";
import { ApiError, type Backup } from "../../api/client";
import { usePlan, useRestoreActions, useTargets, type RestoreOrder, type RestoreTarget } from "../../api/restores";
import { Command, Facts, Icon, Page } from "../../components/basics";
import { Failed, Loaded, Loading, Missing } from "../../components/states";
import { useText } from "../../i18n";
import { useRestoreWords } from "../../i18n/restore";
import { navigate } from "../../url";
import { another, draftOf, orderCommand, orderOf, partOf, restorable, standingOf, type Draft } from "./order";
import { LossNote, PartText, StandingNote } from "./parts";
import { Plan } from "./PlanCard";
import { What } from "./What";
import { NoTargets, Where } from "./Where";
import { Which } from "./Which";

/** pause is how long nothing has to change before the plan is asked for, in milliseconds: not every letter is a question to a server. */
const pause = 600;

/** RestoreForm begins with `tables` chosen, of those that can be read as names: one comes back beside the present one, several in a database of their own. */
export function RestoreForm({ backup: b, tables = [] }: { backup: Backup; tables?: string[] }) {
  const r = useRestoreWords().page;
  const targets = useTargets();
  return (
    <Page title={r.title(b.source)} zoned>
      <p className="lead">{r.lead}</p>
      <StandingNote backup={b} />
      <LossNote backup={b} />
      {!restorable(b) ? <Which backup={b} /> : (
        <Loaded query={targets}>
          {({ targets }) => targets.length ? <Form backup={b} targets={targets} tables={tables} /> : <><Which backup={b} /><NoTargets backup={b} /></>}
        </Loaded>
      )}
    </Page>
  );
}

function Form({ backup: b, targets, tables }: { backup: Backup; targets: RestoreTarget[]; tables: string[] }) {
  const { f } = useText();
  const r = useRestoreWords().page;
  const [draft, setDraft] = useState<Draft>(() => draftOf(tables));
  const set = (change: Partial<Draft>) => setDraft((d) => ({ ...d, ...change }));
  const target = targets.find((x) => x.name === draft.target) ?? targets[0]!;
  // A script is restored as a whole, whatever was chosen of the backup before.
  const meant = b.format === "custom" ? draft : { ...draft, tables: undefined, content: undefined };
  const order = orderOf(b, meant, target);
  return (
    <div className="create">
      <div className="numbered">
        <Which backup={b} />
        <What backup={b} draft={meant} set={set} />
        <Where backup={b} targets={targets} target={target} draft={meant} set={set} />
        <Planned backup={b} order={order} draft={meant} set={set} />
      </div>
      <section className="card plan">
        <h2>{r.summary}</h2>
        <Facts of={[
          [r.from, `${b.source}, ${f.dateTime(b.createdAt)}`],
          [r.what, <PartText key="what" part={partOf(meant)} />],
          [r.into, order && `${order.database}, ${order.target}`],
          [r.loses, order && (order.mode === "replace" ? <strong className="goes">{r.present}</strong> : r.nothing)],
        ]} />
        {order && <><h3>{r.command}</h3><Command text={orderCommand(order)} what={r.command} /></>}
      </section>
    </div>
  );
}

/** useSettled gives a text when it has not changed for a while. */
function useSettled(text: string): string {
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => settle(text), pause);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}

function Planned({ backup: b, order, draft, set }: { backup: Backup; order: RestoreOrder | undefined; draft: Draft; set: (change: Partial<Draft>) => void }) {
  const { plan: r } = useRestoreWords();
  const text = order ? JSON.stringify(order) : "";
  const settled = useSettled(text) === text;
  const query = usePlan(settled ? order : undefined);
  // A name that was proposed and is taken is nobody's mistake: the next one is asked for.
  const refused = query.error instanceof ApiError ? [query.error.problem] : query.data?.problems ?? [];
  const next = order?.mode && settled && !query.isFetching ? another(b, draft, order.mode, refused.map((x) => x?.reason)) : undefined;
  const taken = next?.taken;
  useEffect(() => {
    if (taken !== undefined) set({ taken });
  }, [taken]);
  const looking = order !== undefined && (!settled || query.isFetching || next !== undefined);
  const plan = settled && order && !query.error && !query.isFetching ? query.data : undefined;
  return (
    <>
      <section className="card" aria-busy={looking}>
        <div className="card-head">
          <h2>{r.title}</h2>
          {order && settled && !looking && <button type="button" className="small" onClick={() => void query.refetch()}>{r.again}</button>}
        </div>
        <div role="status">
          {!order && <p>{r.choose}</p>}
          {looking && <p>{r.looking}</p>}
        </div>
        {looking && <Loading rows={4} />}
        {!looking && order && query.error && (
          <>
            <p><strong>{r.failed}</strong></p>
            <Missing query={query} />
            <p>{r.byHand}</p>
            <Command text={`${orderCommand(order)} --plan`} what={r.title} />
          </>
        )}
        {plan && <Plan plan={plan} backup={b} draft={draft} set={set} />}
      </section>
      {order && <Go key={text} backup={b} order={order} ready={plan?.ready ?? false} />}
    </>
  );
}

/** Go is the button. It is green for a good backup that takes nothing's place, and for no other. */
function Go({ backup: b, order, ready }: { backup: Backup; order: RestoreOrder; ready: boolean }) {
  const { plan: r } = useRestoreWords();
  const { start } = useRestoreActions();
  const [typed, setTyped] = useState("");
  // The same order keeps its key, so that sending it again after a lost answer makes no second restore.
  const key = useMemo(() => crypto.randomUUID(), []);
  const replaces = order.mode === "replace";
  const go = () => start.mutate({ order: replaces ? { ...order, confirm: typed } : order, key }, { onSuccess: (x) => navigate(`/restore/${x.id}`) });
  const may = ready && !start.isPending && (!replaces || typed === order.database);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (may) go();
  };
  const failed = start.error && <Failed error={start.error} retry={start.error instanceof ApiError && start.error.unreachable ? go : undefined} />;
  if (replaces) {
    return (
      <form className="notice bad" onSubmit={submit}>
        <Icon name="warn" />
        <div>
          <p><strong>{r.confirm(order.database)}</strong></p>
          <p>{r.confirmWhat} <code>{order.database}</code></p>
          <p className="actions">
            <input className="short" aria-label={r.confirmLabel(order.database)} autoComplete="off" autoCapitalize="none" spellCheck={false} value={typed} onChange={(e) => setTyped(e.target.value)} />
            <button type="submit" className="danger" disabled={!may}>{start.isPending ? r.starting : r.goReplace}</button>
          </p>
          {!ready && <p>{r.notReady}</p>}
          {failed}
        </div>
      </form>
    );
  }
  const good = standingOf(b) === "good";
  return (
    <form className="card" onSubmit={submit}>
      <h2>{ready ? r.ready : r.notReady}</h2>
      <p><button type="submit" className={good ? "primary" : undefined} disabled={!may}>{start.isPending ? r.starting : (b.whole ? r.go : r.goPart)(order.database)}</button></p>
      {failed}
    </form>
  );
}
