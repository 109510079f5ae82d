// The words of the audit trail's own screen, loaded with it.

import { screenWords } from "./index";
import type { AuditWords } from "./audit.en";

export type { AuditWords };

export const useAuditWords = screenWords<AuditWords>({
  "pt-BR": () => import("./audit.pt-BR").then((m) => m.auditPtBR),
  en: () => import("./audit.en").then((m) => m.auditEn),
});
