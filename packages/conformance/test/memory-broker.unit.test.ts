import { describeBroker } from "@waybill/conformance";
import { memoryBroker } from "@waybill/core";

describeBroker("memory", {
  features: memoryBroker().features,
  async create() {
    const broker = memoryBroker();
    return { broker, dispose: () => broker[Symbol.asyncDispose]() };
  },
});
