export { kafkaBroker } from "./kafka-broker.ts";
export { outboxed } from "./outboxed/outboxed.ts";
export type { OutboxedOptions } from "./outboxed/outboxed.ts";
export type { KafkaBrokerOptions } from "./options/kafka-broker-options.ts";
export type { KafkaBrokerEvent, KafkaBrokerListener } from "./events.ts";
