// Before very many backups go, their number is typed: one click is too little for that.

import { useState, type ReactNode } from "react";
import { useMoreWords } from "../i18n/more";
import { Field } from "./basics";

/** isMany: above 20, or more than half of all. */
export const isMany = (count: number, all: number): boolean => count > 20 || 2 * count > all;

/** useTypedNumber tells whether the number was typed, where it has to be, and gives the field that asks for it. */
export function useTypedNumber(count: number, wanted: boolean): [typed: boolean, field: ReactNode] {
  const w = useMoreWords().confirm;
  const [text, setText] = useState("");
  if (!wanted) return [true, null];
  return [text.trim() === String(count), (
    <Field key="typed" label={w.typeNumber(count)}>
      {(ids) => <input {...ids} className="short" inputMode="numeric" autoComplete="off" value={text} onChange={(e) => setText(e.target.value)} />}
    </Field>
  )];
}
