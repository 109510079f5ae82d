// The switch-over: a restored database takes the place of the damaged one, and back. What would be renamed, and who is connected, is seen first.

import { useState, type FormEvent } from "react";
import type { Backup } from "../../api/client";
import { useSwitch, useSwitchPlan, useTargets, type Restore, type SwitchOrder, type SwitchReport } from "../../api/restores";
import { Command, Icon, Time } from "../../components/basics";
import { Failed, Loading, Missing } from "../../components/states";
import { useRestoreWords } from "../../i18n/restore";
import { placeOf, switchCommand, undoOf } from "./order";

/** SwitchOver stands behind a restore into a new database: the way to the switch, or what came of it and the way back. */
export function SwitchOver({ restore: x, backup: b }: { restore: Restore; backup: Backup | undefined }) {
  const r = useRestoreWords().swap;
  const targets = useTargets().data?.targets;
  const place = placeOf(x, b);
  const undo = undoOf(x);
  if (!targets || (!place && !undo)) return null;
  const here = targets.find((t) => t.name === x.target)?.switch;
  return (
    <section className="card">
      <h2>{r.title}</h2>
      {x.switched && (
        <div className="notice ok" role="status">
          <Icon name="ok" />
          <div>
            <p><strong>{r.done(x.switched.database)}</strong> <Time at={x.switched.at} /> {r.by(x.switched.by)}</p>
            <p>{x.switched.kept ? r.keptAs(x.switched.kept) : r.nothingKept}</p>
          </div>
        </div>
      )}
      {!here ? (
        <>
          <p>{r.notAllowed(x.target)}</p>
          {place && !undo && <Command text={switchCommand(x.database, place)} what="cofre switch" />}
        </>
      ) : undo ? <Undo order={undo} /> : (
        <>
          <p>{r.lead(place!)}</p>
          <Swap order={{ target: x.target, from: x.database, database: place!, restore: x.id }} go={r.go} />
          <p className="hint">{r.back} {r.byCommand}</p>
          <Command text={switchCommand(x.database, place!)} what="cofre switch" />
        </>
      )}
    </section>
  );
}

function Undo({ order }: { order: SwitchOrder }) {
  const r = useRestoreWords().swap;
  const [open, setOpen] = useState(false);
  if (!open) return <p><button type="button" onClick={() => setOpen(true)}>{r.undo}</button></p>;
  return (
    <>
      <h3>{r.undo}</h3>
      <Swap order={order} go={r.goBack} />
    </>
  );
}

/** Swap looks first, and renames when the name that changes hands was typed. */
function Swap({ order, go }: { order: SwitchOrder; go: string }) {
  const { swap: r, plan: p } = useRestoreWords();
  const query = useSwitchPlan(order);
  const swap = useSwitch();
  const [typed, setTyped] = useState("");
  const plan = query.error ? undefined : query.data;
  const may = plan !== undefined && !swap.isPending && (!plan.kept || typed === order.database);
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (may) swap.mutate({ ...order, ...(plan.kept ? { keep: plan.kept, confirm: typed } : {}) });
  };
  return (
    <>
      <div role="status">{query.isFetching && <p>{r.looking}</p>}</div>
      {!query.isFetching && <Missing query={query} />}
      {!plan ? query.isFetching && <Loading rows={3} /> : (
        <form className="notice warn" onSubmit={submit}>
          <Icon name="warn" />
          <div>
            <Renames plan={plan} />
            {plan.kept && <p>{r.type} <code>{order.database}</code></p>}
            <p className="actions">
              {plan.kept && <input className="short" aria-label={p.confirmLabel(order.database)} autoComplete="off" autoCapitalize="none" spellCheck={false} value={typed} onChange={(e) => setTyped(e.target.value)} />}
              <button type="submit" className="danger" disabled={!may}>{swap.isPending ? r.going : go}</button>
              <button type="button" onClick={() => void query.refetch()} disabled={query.isFetching}>{p.again}</button>
            </p>
            {swap.error ? <Failed error={swap.error} /> : null}
          </div>
        </form>
      )}
    </>
  );
}

function Renames({ plan: x }: { plan: SwitchReport }) {
  const r = useRestoreWords().swap;
  return (
    <>
      <ul>
        <li><strong>{r.gets(x.from, x.database)}</strong></li>
        <li>{x.kept ? r.keeps(x.database, x.kept) : r.free(x.database)}</li>
      </ul>
      <p>{x.sessions ? r.ended(x.sessions) : r.nobody}</p>
      {x.connected.length > 0 && (
        <ul>
          {x.connected.map((c) => (
            <li key={[c.database, c.role, c.application, c.address].join(" ")}>
              {r.sessions(c.sessions)} <code>{c.role}</code> {r.in} <code>{c.database}</code>{c.application && <> · {c.application}</>}{c.address && <> · {c.address}</>}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
