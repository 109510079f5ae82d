// Keys and values of one's own: the labels of a backup, the tags of a source.

import type { ReactNode } from "react";

export interface Pair {
  key: string;
  value: string;
}

export interface PairWords {
  legend: string;
  hint: string;
  key: string;
  value: string;
  keyOf: (i: number) => string;
  valueOf: (i: number) => string;
  remove: (i: number) => string;
  add: string;
  twice: string;
  nameless: string;
}

/** wrong tells what is wrong with a pair: a value without a key, or another one's key. */
function wrong(all: readonly Pair[], i: number): "nameless" | "twice" | undefined {
  const { key, value } = all[i]!;
  if (!key.trim()) return value.trim() ? "nameless" : undefined;
  return all.some((p, j) => j < i && p.key.trim() === key.trim()) ? "twice" : undefined;
}

export const pairsWrong = (all: readonly Pair[]): boolean => all.some((_, i) => wrong(all, i));

/** pairsOf gives what is asked for; undefined where nothing was typed. */
export function pairsOf(all: readonly Pair[]): Record<string, string> | undefined {
  const typed = all.filter((p) => p.key.trim());
  return typed.length ? Object.fromEntries(typed.map((p) => [p.key.trim(), p.value.trim()])) : undefined;
}

const most = 20;

export function Pairs({ of, set, words: w, error }: { of: readonly Pair[]; set: (of: Pair[]) => void; words: PairWords; error?: ReactNode }) {
  const change = (i: number, part: Partial<Pair>) => set(of.map((p, j) => (i === j ? { ...p, ...part } : p)));
  return (
    <fieldset className="labels">
      <legend>{w.legend}</legend>
      <p className="hint">{w.hint}</p>
      {of.map((p, i, all) => {
        const told = wrong(all, i);
        return (
          <div className="label-row" key={i}>
            <input aria-label={w.keyOf(i + 1)} aria-invalid={Boolean(told)} aria-describedby={told && `label-${i}-wrong`} ref={(e) => e?.setCustomValidity(told ? w[told] : "")}
              placeholder={w.key} value={p.key} maxLength={60} onChange={(e) => change(i, { key: e.target.value })} />
            <input aria-label={w.valueOf(i + 1)} placeholder={w.value} value={p.value} maxLength={200} onChange={(e) => change(i, { value: e.target.value })} />
            <button type="button" className="small" aria-label={w.remove(i + 1)} onClick={() => set(of.filter((_, j) => j !== i))}>×</button>
            {told && <p className="wrong" id={`label-${i}-wrong`}>{w[told]}</p>}
          </div>
        );
      })}
      {of.length < most && <button type="button" className="small" onClick={() => set([...of, { key: "", value: "" }])}>{w.add}</button>}
      {error && <p className="wrong">{error}</p>}
    </fieldset>
  );
}
