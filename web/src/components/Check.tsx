import { useId } from "react";

/** Check is a choice that can be made or not, with what it means. */
export function Check({ label, hint, checked, onChange }: { label: string; hint: string; checked: boolean; onChange: (checked: boolean) => void }) {
  const id = useId();
  return (
    <div className="choice">
      <label><input type="checkbox" checked={checked} aria-describedby={id} onChange={(e) => onChange(e.target.checked)} /><strong>{label}</strong></label>
      <p className="hint" id={id}>{hint}</p>
    </div>
  );
}
