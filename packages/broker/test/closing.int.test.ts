import { testFolder, testProcess } from "@waybill/services/vitest";
import { expect, test } from "vitest";

test.each(["native", "memory"])(
  "a process that only waits for a subscription of the %s broker to close lives until it has",
  async (kind) => {
    const fixture = new URL("fixtures/closing-process.ts", import.meta.url);
    const closing = testProcess(fixture, [kind, testFolder()]);
    expect(await closing.exited, closing.output.join("\n")).toMatchObject({ code: 0 });
  },
);
