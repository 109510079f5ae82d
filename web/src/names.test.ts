import { describe, expect, it } from "vitest";
import { dotted, seen, straight } from "./names";

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
  it("do not turn a text around", () => {
    expect(straight("one\n\u202etwo\u2066 67,8\u00a0GB")).toBe("one\n\\u{202e}two\\u{2066} 67,8\u00a0GB");
  });
});
