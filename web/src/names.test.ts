import { describe, expect, it } from "vitest";
import { dotted, seen, straight, typedAs } from "./names";

describe("names of others", () => {
  it("have no two faces and one look", () => {
    expect(seen("orders")).toBe("orders");
    expect(seen("ação do cliente 訂單 שלום")).toBe("ação do cliente 訂單 שלום");
    for (const [name, shown] of [["orders\u200b", "orders\\u{200b}"], ["a\u202eb", "a\\u{202e}b"], ["a\u0085\n\u001b", "a\\u{85}\\u{a}\\u{1b}"], ["a\u00a0b\u3164", "a\\u{a0}b\\u{3164}"], ["a\u2028", "a\\u{2028}"]]) expect(seen(name!)).toBe(shown);
  });
  it("say which part is the schema", () => {
    expect(dotted({ schema: "app", name: "Orders" })).toBe("app.Orders");
    expect(dotted({ schema: "", name: "orders" })).toBe("orders");
    expect(dotted({ schema: "a", name: "b.c" })).toBe('"a"."b.c"');
    expect(dotted({ schema: "a.b", name: "c" })).not.toBe(dotted({ schema: "a", name: "b.c" }));
  });
  it("turn no text around, and hide nothing in it", () => {
    expect(straight("one\n\u202etwo\u2066 67,8\u00a0GB")).toBe("one\n\\u{202e}two\\u{2066} 67,8\u00a0GB");
    for (const c of ["\u200b", "\u2060", "\u00ad", "\ufe0f", "\u3164", "\u0000", "\u001b", "\u2028", "\ud800", "\u{e0061}"]) expect(straight(`sh${c}op`)).toBe(`sh\\u{${c.codePointAt(0)!.toString(16)}}op`);
    for (const same of ["ação 訂單 שלום 67,8\u00a0GB", "a\tb\r\n", "\u2764\ufe0f 👩\u200d🚀 🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f} 1\ufe0f\u20e3"]) expect(straight(same)).toBe(same);
  });
  it("are typed as they are seen, or as they are", () => {
    for (const typed of ["a\u200b  b.dump", "a\\u{200b} b.dump", " a\u200b b.dump "]) expect(typedAs(typed, "a\u200b  b.dump")).toBe(true);
    for (const typed of ["", "a b.dump", "ab.dump"]) expect(typedAs(typed, "a\u200b  b.dump")).toBe(false);
  });
});
