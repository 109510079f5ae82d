// The words of screens that are opened from the first one, loaded with them.

import { screenWords } from "./index";
import type { ScreenWords } from "./screens.en";

export type { ScreenWords };

export const useScreenWords = screenWords<ScreenWords>({
  "pt-BR": () => import("./screens.pt-BR").then((m) => m.screensPtBR),
  en: () => import("./screens.en").then((m) => m.screensEn),
});
