export { describeBroker } from "./broker/describe-broker.ts";
export type { BrokerBed, BrokerSuiteOptions } from "./broker/broker-bed.ts";
export { describeStorage } from "./storage/describe-storage.ts";
export type { StorageBed } from "./storage/storage-bed.ts";
export { manualClock } from "./support/manual-clock.ts";
export type { ManualClock } from "./support/manual-clock.ts";
export { killInTurn } from "./outboxed/kill-in-turn.ts";
export type { OutboxedService } from "./outboxed/kill-in-turn.ts";
export { placeOrder } from "./outboxed/order-load.ts";
