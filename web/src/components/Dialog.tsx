// A modal dialog: the native element, which traps and gives back the focus.

import { useId, useLayoutEffect, useRef, type ReactNode } from "react";
import { useText } from "../i18n";

export function Dialog({ title, wide, onClose, busy, children, footer }: {
  title: string;
  /** As wide as a table may need. */
  wide?: boolean;
  onClose: () => void;
  /** While busy it does not close. */
  busy?: boolean;
  children: ReactNode;
  footer: ReactNode;
}) {
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Before the element goes, or the browser would not give the focus back.
  useLayoutEffect(() => {
    const dialog = ref.current!;
    dialog.showModal();
    return () => dialog.close();
  }, []);
  return (
    <dialog
      ref={ref}
      className={wide ? "for-table" : undefined}
      aria-labelledby={id}
      onCancel={(e) => {
        e.preventDefault();
        if (!busy) onClose();
      }}
      // A browser closes it by itself on a second Escape: then it opens again, or whoever shows it learns of it.
      onClose={() => {
        if (!ref.current || ref.current.open) return;
        if (busy) ref.current.showModal();
        else onClose();
      }}
    >
      <h2 id={id}>{title}</h2>
      <div className="dialog-body">{children}</div>
      <div className="dialog-foot">{footer}</div>
    </dialog>
  );
}

export function CloseButton({ onClose, disabled, label }: { onClose: () => void; disabled?: boolean; label?: string }) {
  const { t } = useText();
  return <button type="button" onClick={onClose} disabled={disabled}>{label ?? t.dialog.close}</button>;
}
