import type { MessageRef } from "@waybill/core";

/** What the queue engine reports. `level` says how much attention it wants. */
export type QueueEngineEvent =
  /** A write that a crash cut off was set aside at the start; it was never confirmed. */
  | {
      readonly type: "engine.torn-tail";
      readonly level: "warn";
      readonly file: string;
      readonly bytes: number;
    }
  /** The checkpoint could not be used, the whole log was read instead. */
  | { readonly type: "engine.checkpoint-ignored"; readonly level: "warn"; readonly reason: string }
  | { readonly type: "engine.checkpoint-failed"; readonly level: "warn"; readonly error: Error }
  /** A repair gave these records up; messages among them are gone. */
  | {
      readonly type: "engine.messages-lost";
      readonly level: "error";
      readonly fromOffset: number;
      readonly toOffset: number;
    }
  /** A position came again with another message id: it was stored and delivered, and somebody should look. */
  | {
      readonly type: "engine.position-reused";
      readonly level: "error";
      readonly virtualHost: string;
      readonly exchange: string;
      readonly message: Omit<MessageRef, "key">;
      readonly storedId: string;
    }
  /** The oldest message that is still wanted is in this queue, and keeps this much of the log on disk. */
  | {
      readonly type: "engine.backlog";
      readonly level: "warn";
      readonly virtualHost: string;
      readonly queue: string;
      readonly unsettledCount: number;
      readonly readyCount: number;
      readonly keptBytes: number;
    };

export type QueueEngineListener = (event: QueueEngineEvent) => void;

/** A listener that throws must not break what it listens to. */
export function report(listener: QueueEngineListener, event: QueueEngineEvent): void {
  try {
    listener(event);
  } catch {
    // Its own bug; there is nobody to tell.
  }
}
