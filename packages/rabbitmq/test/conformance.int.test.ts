import { randomUUID } from "node:crypto";
import type { Broker } from "@waybill/core";
import { describeBroker } from "@waybill/conformance";
import type { RabbitmqBrokerOptions } from "@waybill/rabbitmq";
import { rabbitmqBroker } from "@waybill/rabbitmq";
import { testRabbitmq } from "@waybill/services/vitest";

interface RabbitmqBed {
  readonly broker: Broker;
  readonly exchange: string;
  dispose(): PromiseLike<void>;
}

const server = testRabbitmq();
const kinds = {
  "rabbitmq, quorum queues": {},
  "rabbitmq, classic queues": { queueType: "classic" },
  "rabbitmq, three queues a group": { queueType: "classic", queues: 3 },
} satisfies Record<string, Partial<RabbitmqBrokerOptions>>;

for (const [name, options] of Object.entries(kinds)) {
  describeBroker<RabbitmqBed>(name, {
    features: rabbitmqBroker({ url: "amqp://not-used-here" }).features,
    async create() {
      const exchange = `waybill-${randomUUID()}`;
      const broker = rabbitmqBroker({ url: server.url, exchange, ...options });
      return { broker, exchange, dispose: () => broker[Symbol.asyncDispose]() };
    },
    async restart({ broker, exchange }) {
      await broker[Symbol.asyncDispose]();
      return rabbitmqBroker({ url: server.url, exchange, ...options });
    },
  });
}
