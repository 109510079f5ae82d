// The words of which part of a database a backup holds, loaded with its form.

import { screenWords } from "./index";
import type { CreateWords } from "./create.en";

export type { CreateWords };

export const useCreateWords = screenWords<CreateWords>({
  "pt-BR": () => import("./create.pt-BR").then((m) => m.createPtBR),
  en: () => import("./create.en").then((m) => m.createEn),
});
