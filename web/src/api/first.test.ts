import { MutationObserver, notifyManager } from "@tanstack/react-query";
import { expect, test } from "vitest";
import { createQueryClient } from "./first";

test("what was begun is known before anything else happens, such as a second click", async () => {
  const change = new MutationObserver(createQueryClient(), { mutationFn: () => new Promise<never>(() => {}) });
  const told: boolean[] = [];
  change.subscribe(notifyManager.batchCalls((state) => told.push(state.isPending))); // as useMutation does
  void change.mutate();
  await Promise.resolve();
  expect(told).toContain(true);
});
