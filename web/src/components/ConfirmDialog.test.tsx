import { fireEvent, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { backup, problem, serve, show } from "../test/world";
import { ConfirmDialog } from "./ConfirmDialog";

const only = { removed: false, onlyVerified: true, reasons: [] };
const gone = () => ({ success: true, message: "gone" });

test("it says what, how many, how many bytes and how old", () => {
  serve({});
  const made = new Date(Date.now() - 3 * 86_400_000).toISOString();
  show(<ConfirmDialog backups={[backup({ filename: "a.dump", size: 1 << 20, createdAt: made }), backup({ filename: "b.dump", size: 2 << 20, createdAt: made })]} onClose={() => {}} onDeleted={() => {}} />);
  const text = screen.getByRole("dialog").textContent!;
  for (const part of ["Delete 2 backups?", "This removes 2 backups (3.0 MB) from storage", "3 days ago", "This cannot be undone", "a.dump", "b.dump"]) expect(text).toContain(part);
});

test("of a part it is said to be the only one of that part: there may be whole ones", () => {
  show(<ConfirmDialog backups={[backup({ whole: false, retention: only })]} onClose={() => {}} onDeleted={() => {}} />);
  expect(screen.getByRole("textbox", { name: /the only verified backup of this part of shop\./ })).toBeTruthy();
});

test("the only verified backup goes only after its name was typed", async () => {
  const asked = serve({ "DELETE /api/backup/:id": gone });
  const onDeleted = vi.fn();
  const b = backup({ filename: "last.dump", retention: only });
  show(<ConfirmDialog backups={[b]} onClose={() => {}} onDeleted={onDeleted} />);
  const button = screen.getByRole<HTMLButtonElement>("button", { name: /^Delete 1 backup/ });
  const input = screen.getByRole("textbox", { name: /only verified backup of shop/ });
  expect(button.disabled).toBe(true);
  await userEvent.type(input, "last.dum");
  expect(button.disabled).toBe(true);
  await userEvent.type(input, "p");
  expect(button.disabled).toBe(false);
  await userEvent.click(button);
  await waitFor(() => expect(onDeleted).toHaveBeenCalledWith([b.id]));
  expect(asked.map((a) => `${a.method} ${a.path}`)).toEqual([`DELETE /api/backup/${b.id}`]);
});

test("several go one by one, and one that cannot does not keep the others", async () => {
  const backups = [backup({ filename: "a.dump" }), backup({ filename: "b.dump" }), backup({ filename: "c.dump" })];
  const asked = serve({
    "GET /api/backup/:id": (a) => backups.find((b) => a.path.endsWith(b.id))!,
    "DELETE /api/backup/:id": (a) => (a.path.endsWith(backups[1]!.id) ? problem(409, { code: "ValidationError", reason: "busy", detail: "in progress" }) : gone()),
  });
  const onDeleted = vi.fn();
  show(<ConfirmDialog backups={backups} onClose={() => {}} onDeleted={onDeleted} />);
  await userEvent.click(screen.getByRole("button", { name: /^Delete 3 backups/ }));
  expect((await screen.findByRole("alert")).textContent).toBe("2 backups deleted, 1 failed:");
  expect(screen.getByText("b.dump").closest("li")!.textContent).toContain("In use by another process");
  expect(asked.filter((a) => a.method === "DELETE")).toHaveLength(3);
  await userEvent.click(screen.getByRole("button", { name: "Close" }));
  expect(onDeleted).toHaveBeenCalledWith([backups[0]!.id, backups[2]!.id]);
});

test("one that became the last verified backup meanwhile stays", async () => {
  const backups = [backup({ filename: "a.dump" }), backup({ filename: "b.dump" })];
  const asked = serve({
    "GET /api/backup/:id": (a) => (a.path.endsWith(backups[1]!.id) ? { ...backups[1], retention: only } : backups[0]!),
    "DELETE /api/backup/:id": gone,
  });
  show(<ConfirmDialog backups={backups} onClose={() => {}} onDeleted={() => {}} />);
  await userEvent.click(screen.getByRole("button", { name: /^Delete 2 backups/ }));
  expect(await screen.findByText(/now the only verified backup/)).toBeTruthy();
  expect(asked.filter((a) => a.method === "DELETE").map((a) => a.path)).toEqual([`/api/backup/${backups[0]!.id}`]);
});

test("a single one that became the last verified backup meanwhile stays, too", async () => {
  const b = backup({ filename: "a.dump" });
  const asked = serve({ "GET /api/backup/:id": () => ({ ...b, retention: only }), "DELETE /api/backup/:id": gone });
  show(<ConfirmDialog backups={[b]} onClose={() => {}} onDeleted={() => {}} />);
  await userEvent.click(screen.getByRole("button", { name: /^Delete 1 backup/ }));
  expect(await screen.findByText(/now the only verified backup/)).toBeTruthy();
  expect(asked.some((a) => a.method === "DELETE")).toBe(false);
});

test("a browser that closes the dialog by itself while backups go does not hide the outcome", async () => {
  const b = backup({ filename: "a.dump" });
  let refuse = () => {};
  serve({
    "GET /api/backup/:id": () => b,
    "DELETE /api/backup/:id": () => new Promise((done) => { refuse = () => done(problem(409, { code: "ValidationError", reason: "busy", detail: "busy" })); }),
  });
  const onClose = vi.fn();
  show(<ConfirmDialog backups={[b]} onClose={onClose} onDeleted={() => {}} />);
  await userEvent.click(screen.getByRole("button", { name: /^Delete 1 backup/ }));
  const dialog = screen.getByRole<HTMLDialogElement>("dialog");
  dialog.close(); // Chromium does so on the second Escape, whatever becomes of "cancel"
  fireEvent(dialog, new Event("close"));
  expect(dialog.open).toBe(true);
  expect(onClose).not.toHaveBeenCalled();
  await waitFor(() => expect(screen.getByRole("progressbar")).toBeTruthy());
  await new Promise((r) => setTimeout(r, 50));
  refuse();
  expect((await screen.findByRole("alert")).textContent).toBe("0 backups deleted, 1 failed:");
});

test("very many go only after their number was typed", async () => {
  serve({});
  show(<ConfirmDialog backups={Array.from({ length: 21 }, () => backup())} onClose={() => {}} onDeleted={() => {}} />);
  const button = screen.getByRole<HTMLButtonElement>("button", { name: /^Delete 21 backups/ });
  expect(button.disabled).toBe(true);
  await userEvent.type(screen.getByRole("textbox", { name: /type how many they are: 21/ }), "21");
  expect(button.disabled).toBe(false);
});

test("what is gone already counts as gone", async () => {
  serve({ "DELETE /api/backup/:id": () => problem(404, { code: "ValidationError", reason: "not_found", detail: "there is no such backup" }) });
  const onDeleted = vi.fn();
  const b = backup();
  show(<ConfirmDialog backups={[b]} onClose={() => {}} onDeleted={onDeleted} />);
  await userEvent.click(screen.getByRole("button", { name: /^Delete 1/ }));
  await waitFor(() => expect(onDeleted).toHaveBeenCalledWith([b.id]));
});
