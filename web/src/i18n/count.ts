/** How a language writes numbers, and so many of a thing. None of a thing are several, in both languages: "0 backups". */
export function counting(locale: string) {
  const numbers = new Intl.NumberFormat(locale);
  const n = (count: number) => numbers.format(count);
  const s = (count: number, one: string, many = `${one}s`) => `${n(count)} ${count === 1 ? one : many}`;
  return { n, s };
}
