import { fireEvent, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import { backup, serve, show } from "../test/world";
import { ForecastCard } from "./ForecastCard";
import { PinCard } from "./PinCard";

test("a backup is pinned with a reason, until the end of a day; who may not sees why it is kept", async () => {
  const asked = serve({ "PUT /api/backup/pin/:id": () => backup(), "DELETE /api/backup/pin/:id": () => backup() });
  const pin = { at: "2026-11-30T12:00:00Z", by: "ana", until: "2099-07-01T00:00:00Z", reason: "audit of 2026" };
  const { unmount } = show(<PinCard backup={backup()} />);
  await userEvent.type(await screen.findByRole("textbox", { name: "Reason" }), "audit of 2026");
  fireEvent.change(screen.getByLabelText(/^Pinned through/), { target: { value: "2099-06-30" } });
  await userEvent.click(screen.getByRole("button", { name: "Pin" }));
  await waitFor(() => expect(asked).toHaveLength(1));
  const body = asked[0]!.body as { reason: string; until: string };
  expect(body.reason).toBe("audit of 2026");
  expect(new Date(body.until).getTime()).toBe(new Date(2099, 6, 1).getTime());
  unmount();
  const own = show(<PinCard backup={backup({ pin })} />);
  await userEvent.click(await screen.findByRole("button", { name: "Unpin" }));
  await waitFor(() => expect(asked.at(-1)!.method).toBe("DELETE"));
  own.unmount();
  show(<PinCard backup={backup({ pin, objectLock: { mode: "GOVERNANCE", until: "2099-07-01T00:00:00Z" } })} />, { permissions: ["list"], language: "pt-BR" });
  expect((await screen.findByText(/^Fixado até/)).parentElement!.textContent).toContain("audit of 2026");
  expect(screen.getByText(/^Por ana, /)).toBeTruthy();
  expect(screen.getByText(/Object Lock, GOVERNANCE/)).toBeTruthy();
  expect(screen.queryByRole("button")).toBeNull();
});

test("what will be kept when is asked for once somebody wants to know", async () => {
  const points = [{ at: "2099-01-01T00:00:00Z", backups: 31, bytes: 3 << 20, removed: 2 }, { at: "2099-02-01T00:00:00Z", backups: 12, bytes: 1 << 20, removed: 1 }];
  const asked = serve({ "POST /api/backup/cleanup": () => ({
    dryRun: true, removed: [1, 2, 3].map(() => ({ backup: backup(), reasons: [] })), kept: [], freedBytes: 0, policy: { keepDays: 1, maxBackups: 0, maxTotalBytes: 0 },
    leftovers: { failed: [], completed: [], removed: [], problems: [] }, forecast: { at: points[1]!.at, points, cadences: [] },
  }) });
  show(<ForecastCard days={7} />);
  const details = (await screen.findByText("What will be kept when")).closest("details")!;
  expect(asked).toHaveLength(0);
  details.open = true;
  fireEvent(details, new Event("toggle"));
  const rows = await screen.findAllByRole("row");
  expect(rows.map((r) => r.textContent)).toEqual([expect.any(String), expect.stringMatching(/313.0 MB2$/), expect.stringMatching(/121.0 MB1$/)]);
  expect(asked[0]!.body).toMatchObject({ dryRun: true, days: 7, at: expect.stringMatching(/^\d{4}-\d\d-\d\dT00:00:00Z$/) });
  expect(screen.getByText(/3 backups of today will be removed by/)).toBeTruthy();
});
