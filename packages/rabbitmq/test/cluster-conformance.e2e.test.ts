import { randomUUID } from "node:crypto";
import type { Broker } from "@waybill/core";
import { describeBroker } from "@waybill/conformance";
import { rabbitmqBroker } from "@waybill/rabbitmq";
import { startRabbitmqCluster, whyNoHaproxy, whyNoRabbitmq } from "@waybill/services";
import { testServer } from "@waybill/services/vitest";

interface ClusterBed {
  readonly broker: Broker;
  readonly exchange: string;
  dispose(): PromiseLike<void>;
}

const cluster = testServer("rabbitmq", whyNoRabbitmq({ own: true }) ?? whyNoHaproxy(), startRabbitmqCluster);

describeBroker<ClusterBed>("rabbitmq, three nodes behind HAProxy", {
  features: rabbitmqBroker({ url: "amqp://not-used-here" }).features,
  async create() {
    const exchange = `waybill-${randomUUID()}`;
    const broker = rabbitmqBroker({ url: cluster().proxyUrl, exchange });
    return { broker, exchange, dispose: () => broker[Symbol.asyncDispose]() };
  },
  async restart({ broker, exchange }) {
    await broker[Symbol.asyncDispose]();
    return rabbitmqBroker({ url: cluster().proxyUrl, exchange });
  },
});
