export const BROKER_KINDS = ["native", "rabbitmq", "kafka"] as const;
export type BrokerKind = (typeof BROKER_KINDS)[number];

/** As people call them. */
export const BROKER_NAMES: Readonly<Record<BrokerKind, string>> = {
  native: "the native broker",
  rabbitmq: "RabbitMQ",
  kafka: "Kafka",
};
