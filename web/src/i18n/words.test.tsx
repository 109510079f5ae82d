import { act, render, screen } from "@testing-library/react";
import { Suspense } from "react";
import { expect, test } from "vitest";
import { en } from "./en";
import { LanguageProvider, screenWords, useText } from "./index";

test("a screen's words come when it is opened, and change with the language; without a network both stay", async () => {
  let asked = 0;
  let down = true;
  const useWords = screenWords({
    en: () => (asked++, Promise.resolve({ hello: "Hello" })),
    "pt-BR": () => (down ? Promise.reject(new TypeError("network")) : Promise.resolve({ hello: "Olá" })),
  });
  function Screen() {
    const { t, setLanguage } = useText();
    return <button type="button" onClick={() => void setLanguage("pt-BR")}>{useWords().hello}, {t.nav.health}</button>;
  }
  await act(async () => {
    render(<LanguageProvider initial="en" messages={en}><Suspense fallback="on their way"><Screen /></Suspense></LanguageProvider>);
    expect(asked).toBe(0); // nobody pays for what is not shown
  });
  const button = await screen.findByRole("button", { name: "Hello, Health" });
  const click = () => act(async () => button.click());
  await click();
  await act(() => new Promise((soon) => setTimeout(soon, 100)));
  expect(button.textContent).toBe("Hello, Health");
  down = false;
  await click();
  expect(await screen.findByRole("button", { name: "Olá, Saúde" })).toBe(button);
  expect(asked).toBe(1);
});
