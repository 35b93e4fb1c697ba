export { outboxed } from "./outboxed/outboxed.ts";
export type { OutboxedOptions, PublishedMessage } from "./outboxed/outboxed.ts";
export { rabbitmqBroker } from "./rabbitmq-broker.ts";
export type { RabbitmqBrokerOptions } from "./options/rabbitmq-broker-options.ts";
export type { RabbitmqBrokerEvent, RabbitmqBrokerListener, Role } from "./events.ts";
