// The plan: what would be made, what is in the way, and what it takes. It is always seen before anything happens.

import type { ReactNode } from "react";
import type { Backup } from "../../api/client";
import type { RestoreGlobals, RestorePlan } from "../../api/restores";
import { Icon, word, type Tone } from "../../components/basics";
import { Explanation, say, Told, type Wordings } from "../../components/states";
import { useText } from "../../i18n";
import { useRestoreWords } from "../../i18n/restore";
import type { Draft } from "./order";
import type { Setter } from "./What";

export function Plan({ plan: p, backup: b, draft, set }: { plan: RestorePlan; backup: Backup; draft: Draft; set: Setter }) {
  const { f, language } = useText();
  const { plan: r, reasons } = useRestoreWords();
  const what = p.mode === "new" ? r.makesNew : p.mode === "replace" ? r.replaces : r.makesIn;
  // Roles that lack are what most restores onto another server fail at, and there are two ways out.
  const roles = p.problems.some((x) => x.reason === "target_lacks" && /\brole/i.test(x.message));
  return (
    <>
      <ul className="plan-list">
        <Item tone={p.mode === "replace" ? "warn" : p.ready ? "ok" : "none"} icon={p.mode === "replace" ? "warn" : "plus"} title={what(p.database, p.target)}>
          {p.makes && <p>{p.makes.slice(0, 8).map((m) => `${word(r.kinds, m.kind, m.kind.toLowerCase())}: ${f.number(m.count)}`).join(" · ")}{p.makes.length > 8 && " …"}</p>}
          <p>{r.server(p.server, p.role)}</p>
          {p.exists && p.mode !== "new" && <p>{p.content ? r.content(say(language, p.content, p.wordings)!.text) : r.empty}</p>}
        </Item>
        {p.problems.length > 0 ? (
          <Item tone="bad" title={r.blocked(p.problems.length)}>
            {p.problems.map((x) => <Explanation key={`${x.reason} ${x.message}`} error={x} reasons={reasons} />)}
            {p.mode === "new" && p.exists && <p>{r.otherName}</p>}
            {roles && (
              <p className="actions">
                {b.globals?.kept && !draft.globals && <button type="button" onClick={() => set({ globals: true })}>{r.withGlobals}</button>}
                {!(draft.noOwner && draft.noPrivileges) && <button type="button" onClick={() => set({ noOwner: true, noPrivileges: true })}>{r.withoutRoles}</button>}
              </p>
            )}
          </Item>
        ) : <Item tone="ok" title={r.clear} />}
        <Lines tone="warn" title={r.dropped} of={p.dropped?.map((x) => ({ text: x, wordings: p.wordings }))} />
        <Lines tone="warn" title={r.leftOut} of={p.leftOut?.map((x) => ({ entry: x.entry, text: x.reason, wordings: x.wordings }))} />
        <Lines tone="warn" title={r.warnings} of={p.warnings?.map((x) => ({ text: x, wordings: p.wordings }))} />
        {p.globals && <Item tone="none" title={r.globals}><Globals of={p.globals} /></Item>}
        <Item tone="none" title={r.text}><p lang="en">{p.from && p.from !== p.locale ? r.textOther(p.locale, p.from) : p.locale}</p></Item>
        <Item tone="run" title={r.time}>
          <p>{r.reads(f.bytes(p.read))} {p.last ? r.last(f.bytes(p.last.size), f.duration(p.last.duration)) : r.noLast}</p>
          <p>{p.oneTransaction ? r.oneTransaction : p.mode === "new" ? r.transactions : r.transactionsThere}</p>
        </Item>
      </ul>
      {p.truncated && <p className="hint">{r.cut}</p>}
    </>
  );
}

function Item({ tone, icon, title, children }: { tone: Tone; icon?: "plus" | "warn"; title: string; children?: ReactNode }) {
  return (
    <li className={tone}>
      <Icon name={icon ?? tone} />
      <div>
        <strong>{title}</strong>
        {children}
      </div>
    </li>
  );
}

function Lines({ tone, title, of }: { tone: Tone; title: string; of: { entry?: string; text: string; wordings: Wordings }[] | undefined }) {
  if (!of?.length) return null;
  return <Item tone={tone} title={title}><ul>{of.map((x) => <li key={`${x.entry} ${x.text}`}>{x.entry ? <>{x.entry} (<Told text={x.text} of={x} />)</> : <Told text={x.text} of={x} />}</li>)}</ul></Item>;
}

/** Globals says what becomes of roles and tablespaces, beforehand and afterwards. */
export function Globals({ of: g }: { of: RestoreGlobals }) {
  const r = useRestoreWords().plan;
  const { language } = useText();
  const told = (texts: string[] | undefined) => texts?.map((x) => say(language, x, g.wordings)!.text);
  const said: [string[] | undefined, (names: string) => string][] = [
    [g.roles, r.roles], [g.tablespaces, r.tablespaces], [g.noPassword, r.noPassword], [told(g.lesser), r.lesser], [told(g.notMade), r.notMade],
  ];
  const lines = said.flatMap(([names, say]) => (names?.length ? [say(names.join(", "))] : []));
  return <>{(lines.length ? lines : [r.noneLack]).map((l) => <p key={l}>{l}</p>)}</>;
}
