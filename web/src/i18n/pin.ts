// The words of pins, loaded with the card that says them.

import { screenWords } from "./index";
import type { PinWords } from "./pin.en";

export type { PinWords };

export const usePinWords = screenWords<PinWords>({
  "pt-BR": () => import("./pin.pt-BR").then((m) => m.pinPtBR),
  en: () => import("./pin.en").then((m) => m.pinEn),
});
