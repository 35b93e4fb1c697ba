import { expect, test } from "vitest";
import { summaryLine } from "../summary-reporter.ts";

test("the summary line has the shape that tools read", () => {
  expect(summaryLine({ passed: 3, failed: 1, skipped: 2 })).toBe("3 passed, 1 failed, 2 skipped");
});
