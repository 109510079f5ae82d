// What is said about pins, in English. Its shape is the one that the other languages must have.

export const pinEn = {
  title: "Pin",
  none: "Retention decides how long this backup is kept. A pinned one is not removed by retention, and cannot be deleted.",
  until: (when: string) => `Pinned until ${when}.`,
  forever: "Pinned until somebody takes the pin off.",
  ended: (when: string) => `It was pinned until ${when}: that pin holds no more.`,
  by: (who: string, when: string) => `By ${who}, ${when}.`,
  locked: (when: string, mode: string) => `The storage lets nobody remove it before ${when} (Object Lock, ${mode}).`,
  endLabel: "Pinned through",
  endHint: "Empty: until somebody takes the pin off.",
  reason: "Reason",
  pin: "Pin",
  change: "Change pin",
  unpin: "Unpin",
};

export type PinWords = typeof pinEn;
