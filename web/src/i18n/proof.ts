// The words of restore tests and of how far a backup was looked into, loaded with what says them.

import { screenWords } from "./index";
import type { ProofWords } from "./proof.en";

export type { ProofWords };

export const useProofWords = screenWords<ProofWords>({
  "pt-BR": () => import("./proof.pt-BR").then((m) => m.proofPtBR),
  en: () => import("./proof.en").then((m) => m.proofEn),
});
