// The words of the chart of what is kept, loaded with it.

import { screenWords } from "./index";
import type { RetentionWords } from "./retention.en";

export type { RetentionWords };

export const useRetentionWords = screenWords<RetentionWords>({
  "pt-BR": () => import("./retention.pt-BR").then((m) => m.retentionPtBR),
  en: () => import("./retention.en").then((m) => m.retentionEn),
});
