import type { BrokerKind } from "./broker-kinds.ts";
import type { DemoBroker } from "./demo-broker.ts";
import { demoKafka } from "./demo-kafka.ts";
import { demoRabbitmq } from "./demo-rabbitmq.ts";

/**
 * The broker that a run uses: for RabbitMQ and Kafka that of `RABBITMQ_URL` or `KAFKA_BROKERS`, else a server of its own.
 *
 * @throws BrokerMissing when it cannot be had
 */
export function openDemoBroker(kind: BrokerKind, dataDir: string): Promise<DemoBroker> {
  switch (kind) {
    case "native":
      return Promise.resolve(insideTheWorker(dataDir));
    case "rabbitmq":
      return demoRabbitmq(process.env["RABBITMQ_URL"]);
    case "kafka":
      return demoKafka(process.env["KAFKA_BROKERS"]);
    default:
      return kind satisfies never;
  }
}

/** It lives and dies with the only worker. */
function insideTheWorker(dataDir: string): DemoBroker {
  return {
    where: "the broker is inside the worker",
    env: { BROKER: "native", BROKER_DATA_DIR: dataDir },
    workers: 1,
    server: null,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
