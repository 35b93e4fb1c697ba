import type { MessageRef } from "@waybill/core";

/** What the native broker reports. `level` says how much attention it wants. */
export type NativeBrokerEvent =
  /** A position came again with another message id: it was stored and delivered, and somebody should look. */
  | {
      readonly type: "broker.position-reused";
      readonly level: "error";
      readonly message: MessageRef;
      readonly storedId: string;
    }
  /** A write that a crash cut off was set aside at the start; it was never confirmed. */
  | {
      readonly type: "broker.torn-tail";
      readonly level: "warn";
      readonly file: string;
      readonly bytes: number;
    }
  /**
   * A repair gave up these records of the log: messages that are not delivered any more, or acknowledgements, whose
   * messages come again.
   */
  | {
      readonly type: "broker.records-lost";
      readonly level: "error";
      readonly fromOffset: number;
      readonly toOffset: number;
    }
  /** The checkpoint could not be used, the whole log was read instead. */
  | { readonly type: "broker.checkpoint-ignored"; readonly level: "warn"; readonly reason: string }
  | { readonly type: "broker.checkpoint-failed"; readonly level: "warn"; readonly error: Error }
  /** `group` acknowledges too little: what it still wants keeps this much of the log on disk. */
  | {
      readonly type: "broker.backlog";
      readonly level: "warn";
      readonly group: string;
      readonly keptBytes: number;
    }
  /** A write to disk failed. The broker is down until it is opened again. */
  | { readonly type: "broker.failed"; readonly level: "error"; readonly error: Error };

export type NativeBrokerListener = (event: NativeBrokerEvent) => void;
