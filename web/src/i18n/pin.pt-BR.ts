// O que se diz sobre fixar backups, em português do Brasil.

import type { PinWords } from "./pin.en";

export const pinPtBR: PinWords = {
  title: "Fixar",
  none: "A retenção decide por quanto tempo este backup é mantido. Um backup fixado não é removido, diga o que disser a retenção, e não pode ser excluído.",
  until: (when) => `Fixado até ${when}.`,
  forever: "Fixado até que alguém desafixe.",
  ended: (when) => `Estava fixado até ${when}: já não vale.`,
  by: (who, when) => `Por ${who}, ${when}.`,
  locked: (when, mode) => `O armazenamento não deixa ninguém removê-lo antes de ${when} (Object Lock, ${mode}).`,
  endLabel: "Fixado até o fim de",
  endHint: "Vazio: até alguém desafixar.",
  reason: "Motivo",
  pin: "Fixar",
  change: "Alterar",
  unpin: "Desafixar",
};
