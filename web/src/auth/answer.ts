// Whether a sign-in comes back: all of it that the first screen has to know.

/** isAnswer tells whether a page's query is a provider's answer. */
export function isAnswer(search: string): boolean {
  const q = new URLSearchParams(search);
  return q.has("state") && (q.has("code") || q.has("error"));
}
