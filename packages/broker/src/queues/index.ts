export type * from "./contract.ts";
export { openQueueEngine } from "./open-queue-engine.ts";
export type { QueueEngineOptions } from "./options.ts";
export type { QueueEngineEvent, QueueEngineListener } from "./events.ts";
