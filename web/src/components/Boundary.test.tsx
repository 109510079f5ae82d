import { render, screen } from "@testing-library/react";
import { expect, test, vi } from "vitest";
import { LanguageProvider } from "../i18n";
import { en } from "../i18n/en";
import { Boundary } from "./Boundary";

function Bad(): never {
  throw new Error("a check that nobody knows");
}

test("what breaks says so, and the rest of the page stays", () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  render(
    <LanguageProvider initial="en" messages={en}>
      <p>the rest</p>
      <Boundary><Bad /></Boundary>
    </LanguageProvider>,
  );
  expect(screen.getByRole("alert").textContent).toContain("a check that nobody knows");
  expect(screen.getByRole("button", { name: "Try again" })).toBeDefined();
  expect(screen.getByText("the rest")).toBeDefined();
});
