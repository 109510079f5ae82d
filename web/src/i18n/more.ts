// The words of what comes a moment after the first screen.

import { screenWords } from "./index";
import type { MoreWords } from "./more.en";

export type { MoreWords };

export const useMoreWords = screenWords<MoreWords>({
  "pt-BR": () => import("./more.pt-BR").then((m) => m.morePtBR),
  en: () => import("./more.en").then((m) => m.moreEn),
});
