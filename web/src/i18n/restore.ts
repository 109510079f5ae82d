// The words of everything about restoring, loaded with the screens that say them.

import { screenWords } from "./index";
import type { RestoreWords } from "./restore.en";

export type { RestoreWords };

export const useRestoreWords = screenWords<RestoreWords>({
  "pt-BR": () => import("./restore.pt-BR").then((m) => m.restorePtBR),
  en: () => import("./restore.en").then((m) => m.restoreEn),
});
