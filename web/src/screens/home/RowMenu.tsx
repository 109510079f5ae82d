// What can be done with one backup of the list. Of one that is no good, the first is what helps, and it is not offered for download.

import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from "react";
import type { Backup } from "../../api/client";
import { useMay } from "../../api/context";
import { useActions } from "../../api/queries";
import { Failed } from "../../components/states";
import { CloseButton, Dialog } from "../../components/Dialog";
import { useText } from "../../i18n";
import { useMoreWords, type MoreWords } from "../../i18n/more";
import { navigate } from "../../url";
import { target } from "./roving";

interface Item {
  name: string;
  /** Where it leads, or what it does. */
  to: string | (() => void);
  danger?: boolean;
}

type May = ReturnType<typeof useMay>;

/** itemsOf gives what a menu offers, in its order. */
export function itemsOf(w: MoreWords["menu"], b: Backup, may: May, lastGood: string | undefined, act: { again: () => void; download: () => void; remove: () => void }): Item[] {
  const page = `/backups/${b.id}`;
  if (b.status === "in_progress") return [{ name: w.watch, to: page }];
  const damaged = b.verification?.ok === false, failed = b.status === "failed";
  const items: (Item | false | undefined)[] = [];
  if (damaged || failed) {
    items.push({ name: damaged ? w.found : w.why, to: page });
    items.push(may("create") && { name: damaged ? w.anew : w.again, to: act.again });
    items.push(!!lastGood && lastGood !== b.id && { name: w.lastGood, to: `/backups/${lastGood}` });
  } else {
    items.push({ name: w.open, to: page });
    items.push(may("restore") && { name: w.restore, to: `/restore?backup=${b.id}` });
    items.push(may("download") && { name: w.download, to: act.download });
  }
  items.push(may("delete") && { name: w.delete, to: act.remove, danger: true });
  return items.filter((x) => !!x);
}

export function RowMenu({ backup: b, button, lastGood, onClose, onDelete, onDownload }: {
  backup: Backup;
  /** It hangs at this button, and gives the focus back to it. */
  button: HTMLElement;
  lastGood: string | undefined;
  onClose: () => void;
  onDelete: () => void;
  onDownload: () => void;
}) {
  const { t } = useText();
  const w = useMoreWords().menu;
  const may = useMay();
  const { create } = useActions();
  const menu = useRef<HTMLDivElement>(null);
  const [place, setPlace] = useState<{ top: number; left: number } | null>(null);
  const [broken, setBroken] = useState<unknown>(null);
  const close = () => {
    button.focus();
    onClose();
  };
  const again = async () => {
    try {
      const { optionsOf } = await import("../details/again");
      const made = await create.mutateAsync({ options: optionsOf(b), key: crypto.randomUUID() });
      onClose();
      navigate(`/backups/${made.id}`);
    } catch (err) {
      setBroken(err);
    }
  };
  const items = itemsOf(w, b, may, lastGood, { again: () => void again(), download: onDownload, remove: onDelete });

  // Below its button, or above it where there is no room; never out of the window.
  useLayoutEffect(() => {
    const at = button.getBoundingClientRect(), size = menu.current!.getBoundingClientRect();
    const below = at.bottom + 4 + size.height <= innerHeight;
    setPlace({ top: Math.max(8, below ? at.bottom + 4 : at.top - 4 - size.height), left: Math.max(8, Math.min(at.right, innerWidth - 8) - size.width) });
    menu.current!.querySelector<HTMLElement>("[role=menuitem]")?.focus({ preventScroll: true });
  }, [button]);
  useEffect(() => {
    const outside = (e: Event) => {
      if (!menu.current?.contains(e.target as Node) && !button.contains(e.target as Node)) onClose();
    };
    const moved = () => onClose();
    addEventListener("pointerdown", outside);
    addEventListener("resize", moved);
    addEventListener("scroll", moved, { passive: true });
    return () => {
      removeEventListener("pointerdown", outside);
      removeEventListener("resize", moved);
      removeEventListener("scroll", moved);
    };
  }, [button, onClose]);

  const onKeyDown = (e: KeyboardEvent<HTMLElement>) => {
    const all = [...menu.current!.querySelectorAll<HTMLElement>("[role=menuitem]")];
    const at = all.indexOf(document.activeElement as HTMLElement);
    const to = e.key === "ArrowDown" ? (at + 1) % all.length : e.key === "ArrowUp" ? (at - 1 + all.length) % all.length : target(e.key, at, all.length, "", "");
    const letter = e.key.length === 1 ? all.find((_, i) => items[(at + 1 + i) % all.length]!.name.toLowerCase().startsWith(e.key.toLowerCase())) : undefined;
    if (e.key === "Escape" || e.key === "Tab") close();
    else if (to !== undefined) all[to]?.focus();
    else if (letter) all[(at + 1 + all.indexOf(letter)) % all.length]?.focus();
    else return;
    if (e.key !== "Tab") e.preventDefault();
  };
  if (broken) return <Dialog title={t.states.failed} onClose={close} footer={<CloseButton onClose={close} />}><Failed error={broken} /></Dialog>;
  return (
    <div ref={menu} role="menu" className="menu" aria-label={t.front.rows.menu(b.source)} style={place ?? { opacity: 0 }} onKeyDown={onKeyDown}>
      {items.map((item) => typeof item.to === "string"
        ? <a key={item.name} role="menuitem" tabIndex={-1} href={`#${item.to}`} onClick={onClose}>{item.name}</a>
        : (
          <button
            key={item.name} type="button" role="menuitem" tabIndex={-1} className={item.danger ? "danger-text" : undefined} disabled={create.isPending}
            onClick={() => {
              const act = item.to as () => void;
              if (act === onDelete || act === onDownload) close(); // what opens gives the focus back to the button
              act();
            }}
          >
            {item.name}
          </button>
        ))}
    </div>
  );
}
