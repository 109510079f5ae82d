// The words of storage locations and channels, loaded with their screens.

import { screenWords } from "./index";
import type { KeptWords } from "./kept.en";

export type { KeptWords };

export const useKeptWords = screenWords<KeptWords>({
  "pt-BR": () => import("./kept.pt-BR").then((m) => m.keptPtBR),
  en: () => import("./kept.en").then((m) => m.keptEn),
});
