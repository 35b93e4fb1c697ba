import type { BridgeCounts } from "../bridge/bridge-counts.ts";
import type { Envelope } from "../message/envelope.ts";

/** What names a message in an event; payloads never appear. */
export type MessageRef = Pick<Envelope, "id" | "source" | "topic" | "key" | "partition" | "position">;

/** Everything that Waybill reports while it works. `level` says how much attention it wants. */
export type WaybillEvent =
  | { readonly type: "relay.leading"; readonly level: "info"; readonly epoch: number; readonly owner: string }
  | {
      readonly type: "relay.standby";
      readonly level: "info";
      readonly holder: string;
      readonly expiresInMs: number;
    }
  | { readonly type: "relay.lease-lost"; readonly level: "warn"; readonly epoch: number }
  | {
      readonly type: "relay.incarnation";
      readonly level: "error";
      readonly incarnation: string;
      readonly reason: string;
    }
  | {
      readonly type: "relay.paused";
      readonly level: "warn";
      readonly retryInMs: number;
      readonly error: Error;
    }
  | { readonly type: "relay.resumed"; readonly level: "info"; readonly pausedMs: number }
  | { readonly type: "relay.published"; readonly level: "debug"; readonly count: number }
  | {
      readonly type: "message.parked";
      readonly level: "warn";
      readonly group: string;
      readonly message: MessageRef;
      readonly reason: string;
      readonly attempts: number;
      readonly error: string | null;
    }
  | {
      readonly type: "message.dead";
      /** `info` when a compensation answered the failure. */
      readonly level: "error" | "info";
      readonly group: string;
      readonly message: MessageRef;
      readonly reason: string;
      readonly error: string;
    }
  | {
      readonly type: "message.applied";
      readonly level: "debug";
      readonly group: string;
      readonly message: MessageRef;
    }
  | {
      readonly type: "message.duplicate";
      readonly level: "debug";
      readonly group: string;
      readonly message: MessageRef;
    }
  | {
      readonly type: "message.conflict";
      readonly level: "error";
      readonly group: string;
      readonly message: MessageRef;
    }
  | {
      readonly type: "consumer.waiting";
      readonly level: "warn";
      readonly group: string;
      readonly retryInMs: number;
      readonly error: Error;
    }
  | {
      readonly type: "bridge.paused";
      readonly level: "warn";
      readonly retryInMs: number;
      readonly error: Error;
    }
  | { readonly type: "bridge.resumed"; readonly level: "info"; readonly pausedMs: number }
  | {
      readonly type: "bridge.rejected";
      readonly level: "error";
      readonly group: string;
      readonly message: MessageRef;
      readonly error: Error;
    }
  | {
      readonly type: "bridge.progress";
      readonly level: "info";
      readonly groups: Readonly<Record<string, BridgeCounts>>;
    }
  | { readonly type: "job.finished"; readonly level: "debug"; readonly job: string; readonly detail: string }
  | { readonly type: "job.failed"; readonly level: "warn"; readonly job: string; readonly error: Error };

/** Receives events. Must not throw; what it throws is ignored, so that a broken logger stops no delivery. */
export type EventListener = (event: WaybillEvent) => void;
