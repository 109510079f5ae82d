// Names as SQL has them.

/** tableName is a table's name as SQL quotes it, so that no other one is meant. */
export const tableName = (t: { schema: string; name: string }) => [t.schema, t.name].filter(Boolean).map((x) => `"${x.replaceAll('"', '""')}"`).join(".");

const code = (c: string) => `\\u{${c.codePointAt(0)!.toString(16)}}`;

/** seen is a name with what cannot be seen of it written out: whoever owns a database gives no two tables one face, and turns no name around. */
export const seen = (name: string): string => name.replace(/[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]|(?! )\p{Zs}/gu, code);

/** straight is a text of several lines with those characters written out that turn its direction. */
export const straight = (text: string): string => text.replace(/\p{Bidi_Control}/gu, code);

/** dotted gives a name with its schema; with quotes where a dot would leave open which is which. */
export const dotted = (t: { schema: string; name: string }): string => seen(/[."]/.test(t.schema + t.name) ? tableName(t) : [t.schema, t.name].filter(Boolean).join("."));
