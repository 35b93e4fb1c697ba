import type { QueueEngineEvent } from "@waybill/broker/queues";
import type { ServerEvent } from "../events.ts";

/** Everything that a broker reports while it runs. */
export type BrokerEvent =
  | ServerEvent
  | QueueEngineEvent
  /** The users file was read again; these many count now. */
  | { readonly type: "users.reloaded"; readonly level: "info"; readonly users: number }
  /** The users file is wrong or gone; the users are the same as before. */
  | { readonly type: "users.refused"; readonly level: "error"; readonly error: Error }
  /** Certificates were read again; clients that come from now on are shown these. */
  | { readonly type: "tls.reloaded"; readonly level: "info" }
  /** Certificates are wrong or gone; clients are shown the same as before. */
  | { readonly type: "tls.refused"; readonly level: "error"; readonly error: Error }
  /** Passwords and messages can be read on their way by others. */
  | { readonly type: "broker.exposed"; readonly level: "warn"; readonly address: string }
  /** Virtual hosts that were created before and that nobody configures any more; they are still served. */
  | { readonly type: "broker.virtual-host-left"; readonly level: "warn"; readonly virtualHost: string };

export type BrokerEventListener = (event: BrokerEvent) => void;
