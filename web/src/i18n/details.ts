// The words of a backup's own page, loaded with it.

import { screenWords } from "./index";
import type { DetailsWords } from "./details.en";

export type { DetailsWords };

export const useDetailsWords = screenWords<DetailsWords>({
  "pt-BR": () => import("./details.pt-BR").then((m) => m.detailsPtBR),
  en: () => import("./details.en").then((m) => m.detailsEn),
});
