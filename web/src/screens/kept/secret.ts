// A secret as its field has it, and as the API does.

import type { SecretInput } from "../../api/kept";

/** A secret as it is typed: kept as it is, the text itself, or where the server finds it. */
export interface SecretDraft {
  how: "keep" | "none" | "value" | "env" | "secret";
  text: string;
}

export function secretOf(s: SecretDraft): SecretInput | undefined {
  return s.how === "keep" || s.how === "none" ? undefined : { [s.how]: s.text.trim() };
}
