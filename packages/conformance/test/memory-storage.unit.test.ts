import { memoryStorage } from "@waybill/core";
import { describeStorage } from "@waybill/conformance";
import { manualClock } from "../src/support/manual-clock.ts";

describeStorage("memory", {
  async create() {
    const clock = manualClock();
    const storage = memoryStorage({ source: "orders", clock });
    return {
      storage,
      source: "orders",
      advance: (ms) => clock.advance(ms),
      dispose: () => storage[Symbol.asyncDispose](),
    };
  },
});
