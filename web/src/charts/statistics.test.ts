import { expect, test } from "vitest";
import { byteUnits, median, millisecondUnits, outliers, ticks, worst } from "./statistics";

test("the median of an even number is between the two in the middle", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(median([])).toBeNaN();
});

test("what departs far from the median is marked, and ordinary growth is not", () => {
  expect(outliers([100, 102, 99, 101, 250, 100], 1)).toEqual([false, false, false, false, true, false]);
  expect(outliers([100, 102, 99, 101, 4, 100], 1)).toEqual([false, false, false, false, true, false]);
  expect(outliers([100, 105, 110, 116, 122, 128], 1)).toEqual(Array(6).fill(false));
});

test("values that are all the same have no outlier but the one that differs much", () => {
  expect(outliers([10, 10, 10, 10, 12], 0)).toEqual(Array(5).fill(false));
  expect(outliers([10, 10, 10, 10, 14], 0)).toEqual([false, false, false, false, true]);
});

test("too few values say nothing, and small differences never matter", () => {
  expect(outliers([1, 1, 1, 900], 0)).toEqual(Array(4).fill(false));
  expect(outliers([80, 82, 79, 81, 400], 2_000)).toEqual(Array(5).fill(false));
});

test("the worst status of a day wins", () => {
  const day = { succeeded: 0, failed: 0, damaged: 0, running: 0, missed: 0, canceled: 0, interrupted: 0 };
  expect(worst(day)).toBe("none");
  expect(worst({ ...day, missed: 1 })).toBe("missed");
  expect(worst({ ...day, canceled: 2 })).toBe("canceled");
  expect(worst({ ...day, canceled: 2, succeeded: 1 })).toBe("success");
  expect(worst({ ...day, succeeded: 1, interrupted: 1 })).toBe("failed");
  expect(worst({ ...day, succeeded: 3 })).toBe("success");
  expect(worst({ ...day, succeeded: 3, running: 1 })).toBe("running");
  expect(worst({ ...day, running: 1, missed: 1 })).toBe("missed");
  expect(worst({ ...day, succeeded: 3, missed: 1 })).toBe("missed"); // another source's
  expect(worst({ ...day, succeeded: 2, damaged: 1 })).toBe("failed");
  expect(worst({ ...day, succeeded: 1, damaged: 1, missed: 1 })).toBe("failed");
  expect(worst({ ...day, succeeded: 9, failed: 1 })).toBe("failed");
  expect(worst({ ...day, failed: 1, missed: 1 })).toBe("failed");
});

test("ticks are round in the axis' unit and reach beyond the largest value", () => {
  expect(ticks(0, 3, byteUnits)).toEqual([0]);
  expect(ticks(2.5 * 2 ** 20, 3, byteUnits)).toEqual([0, 1, 2, 3].map((n) => n * 2 ** 20));
  expect(ticks(130_000, 3, millisecondUnits)).toEqual([0, 60_000, 120_000, 180_000]);
  for (const max of [1, 7, 999, 1023, 1024, 123_456_789]) expect(ticks(max, 3, byteUnits).at(-1)).toBeGreaterThanOrEqual(max);
});
