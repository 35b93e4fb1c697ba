import type { Broker } from "@waybill/core";
import { describeBroker } from "@waybill/conformance";
import { kafkaBroker } from "@waybill/kafka";
import { testKafka } from "@waybill/services/vitest";

const server = testKafka();

function newBroker(): Broker {
  return kafkaBroker({
    brokers: server.brokers,
    topicPrefix: server.prefix,
    groupPrefix: server.prefix,
    transactionalIdPrefix: server.prefix,
    heartbeatMs: 100,
    fetchWaitMs: 50,
  });
}

describeBroker("kafka", {
  features: kafkaBroker({ brokers: ["not-used-here:9092"] }).features,
  async create() {
    const broker = newBroker();
    return { broker, dispose: () => broker[Symbol.asyncDispose]() };
  },
  async restart({ broker }) {
    await broker[Symbol.asyncDispose]();
    return newBroker();
  },
});
