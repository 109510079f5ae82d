import { render } from "@testing-library/react";
import { describe, expect, it } from "vitest";

const name = "sh\u200bop\u202e";
const plain = "sh\\u{200b}op\\u{202e}";

function Named({ of }: { of: string }) {
  return <p title={of} aria-label={of}>{of}, {["a", <b key="b">{of}</b>]}<input placeholder={of} defaultValue={of} aria-describedby={of} /><a href={`#${of}`}>{`${of}!`}</a><svg><title>{of}</title></svg></p>;
}

describe("what is shown", () => {
  it("is plain wherever it stands, and what is taken is as it was", () => {
    const { container } = render(<Named of={name} />);
    const p = container.querySelector("p")!, input = container.querySelector("input")!;
    expect(p.textContent).toBe(`${plain}, a${plain}${plain}!${plain}`);
    expect([p.title, p.ariaLabel ?? p.getAttribute("aria-label"), input.placeholder]).toEqual([plain, plain, plain]);
    expect([input.value, input.getAttribute("aria-describedby"), container.querySelector("a")!.getAttribute("href")]).toEqual([name, name, `#${name}`]);
  });
});
