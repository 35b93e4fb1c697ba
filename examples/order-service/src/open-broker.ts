import { nativeBroker } from "@waybill/broker";
import type { Broker, ReportedEvent } from "@waybill/core";
import { kafkaBroker } from "@waybill/kafka";
import { rabbitmqBroker } from "@waybill/rabbitmq";
import type { BrokerConfig } from "./config.ts";

/** The broker is one line of the service, and the only one that changes when one machine is not enough any more. */
export function openBroker(config: BrokerConfig, onEvent: (event: ReportedEvent) => void): Broker {
  switch (config.kind) {
    case "native":
      return nativeBroker({ dataDir: config.dataDir, onEvent });
    case "rabbitmq":
      return rabbitmqBroker({
        url: config.url,
        exchange: `${config.prefix}messages`,
        queuePrefix: config.prefix,
        onEvent,
      });
    case "kafka":
      return kafkaBroker({
        brokers: config.brokers,
        topicPrefix: config.prefix,
        groupPrefix: config.prefix,
        transactionalIdPrefix: config.prefix,
        sessionTimeoutMs: config.sessionTimeoutMs,
        onEvent,
      });
    default:
      return config satisfies never;
  }
}
