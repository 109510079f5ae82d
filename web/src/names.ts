// Names as SQL has them.

/** tableName is a table's name as SQL quotes it, so that no other one is meant. */
export const tableName = (t: { schema: string; name: string }) => [t.schema, t.name].filter(Boolean).map((x) => `"${x.replaceAll('"', '""')}"`).join(".");

const code = (c: string) => `\\u{${c.codePointAt(0)!.toString(16)}}`;

/** seen is a name with what cannot be seen of it written out: whoever owns a database gives no two tables one face, and turns no name around. */
export const seen = (name: string): string => name.replace(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu, code);

const hidden = /(?![\n\t\r])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
// Emoji have some of these inside.
const hiddenOrEmoji = new RegExp(`(\\p{RGI_Emoji})|${hidden.source}`, "gv");

/** straight is a text with what turns its direction, or cannot be seen, written out: two that differ do not look alike. All that is shown goes through it; see jsx/. */
export const straight = (text: string): string => (hidden.test(text) ? text.replace(hiddenOrEmoji, (c, emoji?: string) => emoji ?? code(c)) : text);

/** typedAs tells whether what was typed is a name as it is shown: with what cannot be seen written out or not, and spaces as a page has them. */
export const typedAs = (typed: string, name: string): boolean => {
  const plain = (x: string) => straight(x).normalize().replace(/\s+/g, " ").trim();
  return plain(typed) === plain(name);
};

/** dotted gives a name with its schema; with quotes where a dot would leave open which is which. */
export const dotted = (t: { schema: string; name: string }): string => seen(/[."]/.test(t.schema + t.name) ? tableName(t) : [t.schema, t.name].filter(Boolean).join("."));
