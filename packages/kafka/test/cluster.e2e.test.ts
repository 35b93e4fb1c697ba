import { randomUUID } from "node:crypto";
import type { Broker } from "@waybill/core";
import { describeBroker } from "@waybill/conformance";
import { kafkaBroker } from "@waybill/kafka";
import { startKafkaCluster, whyNoKafka } from "@waybill/services";
import { testServer } from "@waybill/services/vitest";

const cluster = testServer("kafka", whyNoKafka({ own: true }), startKafkaCluster);

const prefix = `cluster-${randomUUID().slice(0, 8)}-`;

function newBroker(): Broker {
  const names = { topicPrefix: prefix, groupPrefix: prefix, transactionalIdPrefix: prefix };
  return kafkaBroker({ brokers: cluster().brokers, ...names, heartbeatMs: 100, fetchWaitMs: 50 });
}

describeBroker("kafka, three nodes", {
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
