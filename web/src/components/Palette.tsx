// What opens with Ctrl K: everywhere one may go, and what one may do, found by typing.

import { useEffect, useId, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";
import { useMay, type Permission } from "../api/context";
import { useFound, useMetrics } from "../api/queries";
import { useText } from "../i18n";
import type { Messages } from "../i18n/en";
import { useMoreWords, type MoreWords } from "../i18n/more";
import { setTheme, themes, useTheme } from "../theme";
import { navigate, writeFilters } from "../url";
import { Icon, useNow } from "./basics";

type Group = keyof MoreWords["palette"]["groups"];

interface Entry {
  group: Group;
  name: string;
  note?: string;
  /** Where it leads, or what it does. */
  to: string | (() => void);
}

/** plain is a text as it is compared: without accents and capitals. */
export const plain = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

/** matching keeps the entries in which every typed word stands; those whose name begins with what is typed come first. */
export function matching(entries: Entry[], typed: string): Entry[] {
  const words = plain(typed).split(/\s+/).filter(Boolean);
  const found = entries.filter((e) => words.every((x) => plain(`${e.name} ${e.note ?? ""}`).includes(x)));
  return words.length === 0 ? found : [...found].sort((a, b) => Number(plain(b.name).startsWith(words[0]!)) - Number(plain(a.name).startsWith(words[0]!)));
}

/** entriesOf gives where a role may go and what it may do. */
export function entriesOf(t: Messages, p: MoreWords["palette"], may: (x: Permission) => boolean, sources: { source: string; good: string | undefined; note: string }[]): Entry[] {
  const all: (Entry | false)[] = [
    may("create") && { group: "actions", name: t.home.create, to: "/new" },
    may("sources") && { group: "actions", name: p.addSource, to: "/settings/sources/create" },
    ...(sources.length > 1 ? sources.map((s): Entry | false => may("create") && { group: "actions", name: p.backUp(s.source), to: `/new?source=${encodeURIComponent(s.source)}` }) : []),
    ...sources.map((s): Entry | false => may("restore") && !!s.good && { group: "actions", name: p.restoreOf(s.source), to: `/restore?backup=${s.good}` }),
    { group: "screens", name: t.nav.backups, to: "/" },
    may("restore") && { group: "screens", name: t.nav.restore, to: "/restore" },
    may("cleanup") && { group: "screens", name: t.nav.cleanup, to: "/cleanup" },
    may("metrics") && { group: "screens", name: t.nav.health, to: "/health" },
    may("audit") && { group: "screens", name: t.nav.audit, to: "/audit" },
    may("list") && { group: "screens", name: t.nav.settings, to: "/settings" },
    may("list") && { group: "screens", name: t.sources.title, to: "/settings/sources" },
    may("list") && { group: "screens", name: p.places, to: "/settings/places" },
    may("settings_read") && { group: "screens", name: p.channels, to: "/settings/channels" },
    { group: "screens", name: p.failed, to: `/?${writeFilters({ status: "failed" })}` },
    { group: "screens", name: p.damaged, to: `/?${writeFilters({ damaged: true })}` },
    { group: "screens", name: p.problems, to: `/?${writeFilters({ problems: true })}` },
    { group: "screens", name: p.pinned, to: `/?${writeFilters({ pinned: true })}` },
    ...sources.map((s): Entry => ({ group: "sources", name: s.source, note: s.note, to: `/?${writeFilters({ source: s.source })}` })),
  ];
  return all.filter((e) => e !== false);
}

/** most is how many of a group are shown. */
const most = 8;
const order: Group[] = ["sources", "backups", "actions", "screens"];

export default function Palette({ onClose }: { onClose: () => void }) {
  const { t, f } = useText();
  const p = useMoreWords().palette;
  const may = useMay();
  const now = useNow(60_000);
  const theme = useTheme();
  const metrics = useMetrics(undefined);
  const dialog = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState("");
  const [wanted, setWanted] = useState("");
  const [at, setAt] = useState(0);
  const id = useId();
  useLayoutEffect(() => {
    const d = dialog.current!;
    d.showModal();
    return () => d.close();
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => setWanted(typed), 250);
    return () => clearTimeout(timer);
  }, [typed]);
  const found = useFound(wanted);
  const sources = (metrics.data?.sources ?? []).map((s) => {
    const last = s.lastWhole ?? s.lastGood;
    return { source: s.source, good: last?.id, note: last ? `${t.front.cards.last}: ${f.when(last.at, now)}` : "" };
  });
  const backups: Entry[] = typed.trim().length > 1 && found.data ? found.data.backups.map((b) => ({ group: "backups", name: b.source, note: `${f.when(b.createdAt, now)} · ${b.filename}`, to: `/backups/${b.id}` })) : [];
  const other: Entry = { group: "actions", name: p.theme, to: () => setTheme(themes[(themes.indexOf(theme) + 1) % themes.length]!) };
  const fitting = matching([...entriesOf(t, p, may, sources), other], typed);
  const shown = order.flatMap((g) => (g === "backups" ? backups : fitting.filter((e) => e.group === g)).slice(0, most));
  const active = Math.min(at, shown.length - 1);
  const go = (e: Entry) => {
    onClose();
    if (typeof e.to === "string") navigate(e.to);
    else e.to();
  };
  const onKeyDown = (e: KeyboardEvent<HTMLElement>) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (step && shown.length) setAt((active + step + shown.length) % shown.length);
    else if (e.key === "Enter" && shown[active]) go(shown[active]);
    else return;
    e.preventDefault();
  };
  useEffect(() => {
    document.getElementById(`${id}-${active}`)?.scrollIntoView?.({ block: "nearest" });
  }, [active, id]);
  return (
    <dialog ref={dialog} className="palette" aria-label={p.title} onCancel={(e) => { e.preventDefault(); onClose(); }} onClick={(e) => e.target === dialog.current && onClose()}>
      <div className="palette-field">
        <Icon name="search" />
        <input
          type="search" role="combobox" aria-expanded="true" aria-autocomplete="list" aria-controls={`${id}-list`} aria-activedescendant={shown.length ? `${id}-${active}` : undefined} aria-label={p.placeholder}
          placeholder={p.placeholder} value={typed} maxLength={200} autoComplete="off" autoFocus onChange={(e) => { setTyped(e.target.value); setAt(0); }} onKeyDown={onKeyDown}
        />
      </div>
      <div role="listbox" id={`${id}-list`} aria-label={p.title} className="palette-list" tabIndex={-1}>
        {order.map((g) => {
          const own = shown.filter((e) => e.group === g);
          return own.length > 0 && (
            <div role="group" key={g} aria-label={p.groups[g]}>
              <p aria-hidden="true">{p.groups[g]}</p>
              {own.map((e) => {
                const i = shown.indexOf(e);
                return <div key={i} id={`${id}-${i}`} role="option" aria-selected={i === active} onPointerMove={() => setAt(i)} onClick={() => go(e)}><span>{e.name}</span>{e.note && <span className="muted">{e.note}</span>}</div>;
              })}
            </div>
          );
        })}
      </div>
      <p className="palette-foot" role="status">{found.isFetching ? p.searching : shown.length === 0 ? p.none : p.hint}</p>
    </dialog>
  );
}
