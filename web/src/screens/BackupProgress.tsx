// How far a backup is: what it is doing, what has moved, and a percentage where there is an honest one. Never a time left.

import type { StatusResponse } from "../api/client";
import { useNow } from "../components/basics";
import { useText } from "../i18n";
import { useMoreWords } from "../i18n/more";
import { Told } from "../components/states";

const phases = ["connecting", "dumping", "uploading", "verifying", "done"] as const;
type Phase = (typeof phases)[number];

export function BackupProgress({ isActive, progress, message, detail, startedAt }: {
  isActive: boolean;
  /** Percent; undefined without an estimate. */
  progress: number | undefined;
  message: string | undefined;
  detail: StatusResponse["detail"];
  startedAt: string;
}) {
  const { f } = useText();
  const w = useMoreWords().progress;
  const now = useNow(isActive ? 1_000 : undefined);
  const phase: Phase = isActive ? (phases.find((p) => p === detail?.phase) ?? "connecting") : "done";
  const at = phases.indexOf(phase);
  return (
    <div className="progress">
      <ol className="steps" aria-label={w.steps}>
        {phases.map((p, i) => (
          <li key={p} className={i < at || !isActive ? "past" : i === at ? "now" : ""} aria-current={i === at ? "step" : undefined}>
            <span className="step-dot" aria-hidden="true" />
            {w.phases[p]}
          </li>
        ))}
      </ol>
      {/* Said aloud: the phase, and each tenth of the way. The counters below change too often for that. */}
      <p className="hidden" aria-live="polite">
        {w.phases[phase]}
        {progress !== undefined && isActive && `, ${f.percent(Math.floor(progress / 10) / 10)}`}
      </p>
      <div className="bar">
        {progress === undefined ? <progress aria-label={w.label} /> : <progress max={100} value={progress} aria-label={w.label} />}
        {progress !== undefined && <span className="number">{f.percent(progress / 100)}</span>}
      </div>
      <dl className="counters">
        <div><dt>{w.read}</dt><dd>{detail ? f.bytes(detail.dumpBytes) : "—"}</dd></div>
        <div><dt>{w.stored}</dt><dd>{detail ? f.bytes(detail.bytes) : "—"}</dd></div>
        <div><dt>{w.rate}</dt><dd>{detail && detail.bytesPerSec > 0 ? f.rate(detail.bytesPerSec) : "—"}</dd></div>
        <div><dt>{w.elapsed}</dt><dd>{f.duration(Math.max(0, Math.round((now - Date.parse(startedAt)) / 1000) * 1000))}</dd></div>
      </dl>
      {detail?.engine && (
        <p className="hint">
          {w.readBy} {detail.engine === "parallel" ? w.readParallel(detail.jobs ?? 1) : w.readOne}
          {detail.engineReason && <> (<Told text={detail.engineReason} of={detail} />)</>}
          {detail.pieces !== undefined && detail.pieces > 0 && `, ${w.pieces(detail.piecesWritten ?? 0, detail.pieces)}`}
        </p>
      )}
      {detail && detail.attempt > 1 && <p className="hint">{w.attempt(detail.attempt)}</p>}
      {progress === undefined && isActive && detail && <p className="hint">{w.noEstimate}</p>}
      {message && isActive && <p className="hint">{message}</p>}
    </div>
  );
}
