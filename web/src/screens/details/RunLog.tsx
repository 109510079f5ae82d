// What was noted while a backup was made: opened at once where it failed.

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { answer, type Backup } from "../../api/client";
import { useServices } from "../../api/context";
import { Loaded } from "../../components/states";
import { useText } from "../../i18n";
import { useDetailsWords } from "../../i18n/details";

/** toLog leads to the log on the page, which is open where a backup failed. */
export function toLog() {
  const summary = document.getElementById("log");
  if (summary?.parentElement instanceof HTMLDetailsElement) summary.parentElement.open = true;
  summary?.scrollIntoView?.({ block: "start" });
  summary?.focus({ preventScroll: true });
}

export function RunLog({ backup: b }: { backup: Backup }) {
  const w = useDetailsWords().log;
  const [open, setOpen] = useState(b.status === "failed" && b.outcome !== "canceled");
  return (
    <details className="card" open={open} onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary id="log">{w.title}</summary>
      {open && <Lines backup={b} />}
    </details>
  );
}

function Lines({ backup: { id, error } }: { backup: Backup }) {
  const { f } = useText();
  const { api } = useServices();
  const w = useDetailsWords().log;
  const query = useQuery({ queryKey: ["log", id], queryFn: ({ signal }) => answer(api.GET("/api/backup/log/{id}", { signal, params: { path: { id } } })), staleTime: 60_000 });
  return (
    <Loaded query={query}>
      {({ lines }) => lines.length === 0 ? <p className="muted">{w.none}</p> : (
        <>
          <div className="log" lang="en" tabIndex={0} role="region" aria-label={w.title}>
            {lines.map((l, i) => <div key={i} className={/^(error|warn): |^failed$|Error: /.test(l.text) || !l.at ? "loud" : undefined}>{l.at && <time dateTime={l.at}>{f.clock(l.at)}</time>} {l.text}</div>)}
          </div>
          {error?.reason === "run_lost" && <p className="muted">{w.died}</p>}
        </>
      )}
    </Loaded>
  );
}
