// Whether a page speaks one language. The words looked for are the small ones, of which every sentence has some and the other language has none.
import assert from "node:assert/strict";

const small = {
  en: ["the", "and", "of", "is", "are", "was", "were", "with", "from", "this", "that", "not", "been", "has", "have", "its", "when", "which", "it", "by", "at", "on", "to", "be", "will"],
  "pt-BR": ["não", "são", "está", "uma", "dos", "das", "pelo", "pela", "para", "foi", "foram", "que", "ou", "ao", "já", "também", "mais", "seu", "sua", "quando", "até", "nenhum", "nenhuma", "será"],
};

/** otherLanguage finds text of the language that the page does not speak: in what is shown, and in what is read aloud. What says itself that it is of another language is
 * known to be, and what stands in code is of none. */
export async function otherLanguage(page, name) {
  const found = await page.evaluate((words) => {
    const speaks = document.documentElement.lang;
    const other = new RegExp(`(?<![\\p{L}\\p{N}_.:/-])(${words[speaks === "en" ? "pt-BR" : "en"].join("|")})(?![\\p{L}\\p{N}_.:/-])`, "iu");
    const ours = (e) => e && !e.closest("code, pre, kbd, script, noscript, style, datalist") && (e.closest("[lang]")?.lang ?? speaks) === speaks;
    const texts = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) if (ours(node.parentElement)) texts.push(node.data);
    for (const e of document.querySelectorAll("[aria-label], [title], [placeholder], [alt]")) {
      if (ours(e)) texts.push(...["aria-label", "title", "placeholder", "alt"].map((a) => e.getAttribute(a) ?? ""));
    }
    return [document.title, ...texts].filter((x) => other.test(x)).map((x) => x.trim().slice(0, 160));
  }, small);
  assert.deepEqual(found, [], `${name}: text of the other language`);
}
