// What jsdom lacks of a browser, and a clean page for every test.

import { cleanup, configure } from "@testing-library/react";
import { afterEach } from "vitest";

// jsdom knows the element, and not that it opens.
HTMLDialogElement.prototype.showModal = function () {
  this.open = true;
};
HTMLDialogElement.prototype.close = function () {
  this.open = false;
};

// A machine may be busy: what comes, comes.
configure({ asyncUtilTimeout: 5_000 });

globalThis.scrollTo = () => {};

afterEach(() => {
  cleanup();
  sessionStorage.clear();
  localStorage.clear();
  history.replaceState(null, "", "/");
});
