import { describeBroker } from "@waybill/conformance";
import { nativeBroker } from "@waybill/broker";
import type { Broker } from "@waybill/core";
import { rabbitmqBroker } from "@waybill/rabbitmq";
import { testWaybill } from "./support/test-waybill.ts";

interface RemoteBed {
  readonly broker: Broker;
  dispose(): PromiseLike<void>;
}

const server = testWaybill();
const kinds: Record<string, () => Broker> = {
  "native, remote": () => nativeBroker({ url: server.url }),
  "native, remote, three queues a group": () => nativeBroker({ url: server.url, queues: 3 }),
  "rabbitmq's adapter as it is, on Waybill's server": () =>
    rabbitmqBroker({ url: server.url, exchange: "as-it-is" }),
};

for (const [name, make] of Object.entries(kinds)) {
  describeBroker<RemoteBed>(name, {
    features: make().features,
    create() {
      const broker = make();
      return Promise.resolve({ broker, dispose: () => broker[Symbol.asyncDispose]() });
    },
    async restart({ broker }) {
      await broker[Symbol.asyncDispose]();
      await server.restart();
      return make();
    },
  });
}
