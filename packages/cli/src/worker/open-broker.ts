import { nativeBroker } from "@waybill/broker";
import type { Broker, ReportedEvent } from "@waybill/core";
import { installed } from "@waybill/core/internal";
import type { BrokerConfig } from "./worker-config.ts";

/**
 * Makes the broker that a configuration names; what it reports goes to `onEvent`. The adapters of RabbitMQ and Kafka are loaded only when they are named.
 *
 * @throws WaybillError `OPTIONS_INVALID` when the adapter, or the library under it, is not installed, or refuses an option
 */
export async function openBroker(
  file: string,
  config: BrokerConfig,
  onEvent: (event: ReportedEvent) => void,
): Promise<Broker> {
  if ("rabbitmq" in config) {
    const { rabbitmqBroker } = await installed(
      import("@waybill/rabbitmq"),
      needed(file, "rabbitmq", "amqplib"),
    );
    return rabbitmqBroker({ ...config.rabbitmq, onEvent });
  }
  if ("kafka" in config) {
    const { kafkaBroker } = await installed(import("@waybill/kafka"), needed(file, "kafka", "kafkajs"));
    return kafkaBroker({ ...config.kafka, onEvent });
  }
  return nativeBroker({ ...config.native, onEvent });
}

function needed(file: string, kind: "rabbitmq" | "kafka", library: string): string {
  const packages = `@waybill/${kind} ${library}`;
  return `${file}: broker.${kind} needs ${packages.replace(" ", " and ")}, which are not both installed: npm install ${packages}`;
}
