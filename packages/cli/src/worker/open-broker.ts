import { nativeBroker } from "@waybill/broker";
import { WaybillError, type Broker, type ReportedEvent } from "@waybill/core";
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
    const adapter = import("@waybill/rabbitmq");
    return (await installed(file, "rabbitmq", "amqplib", adapter)).rabbitmqBroker({
      ...config.rabbitmq,
      onEvent,
    });
  }
  if ("kafka" in config) {
    const adapter = import("@waybill/kafka");
    return (await installed(file, "kafka", "kafkajs", adapter)).kafkaBroker({ ...config.kafka, onEvent });
  }
  return nativeBroker({ ...config.native, onEvent });
}

async function installed<T>(
  file: string,
  kind: "rabbitmq" | "kafka",
  library: string,
  adapter: Promise<T>,
): Promise<T> {
  try {
    return await adapter;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_MODULE_NOT_FOUND") throw cause;
    const packages = `@waybill/${kind} ${library}`;
    const message = `${file}: broker.${kind} needs ${packages.replace(" ", " and ")}, which are not both installed: npm install ${packages}`;
    throw new WaybillError("OPTIONS_INVALID", message, { cause });
  }
}
