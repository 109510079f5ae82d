// The words of the sign-in screen, loaded with it.

import { screenWords } from "./index";
import type { SignInWords } from "./signin.en";

export type { SignInWords };

export const useSignInWords = screenWords<SignInWords>({
  "pt-BR": () => import("./signin.pt-BR").then((m) => m.signInPtBR),
  en: () => import("./signin.en").then((m) => m.signInEn),
});
