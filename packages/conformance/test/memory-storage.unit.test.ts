import { memoryStorage } from "@waybill/core";
import { describeStorage, manualClock } from "@waybill/conformance";

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
