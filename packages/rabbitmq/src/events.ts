/** What the adapter of RabbitMQ reports. `level` says how much attention it wants. */
export type RabbitmqBrokerEvent =
  | {
      readonly type: "rabbitmq.connected";
      readonly level: "info";
      readonly role: Role;
      readonly host: string;
    }
  /** The connection was lost or could not be made; the next attempt follows after `retryInMs`. */
  | {
      readonly type: "rabbitmq.disconnected";
      readonly level: "warn";
      readonly role: Role;
      readonly retryInMs: number;
      readonly error: Error;
    }
  /** The server takes no publishes: it is short of memory or disk. */
  | { readonly type: "rabbitmq.blocked"; readonly level: "warn"; readonly reason: string }
  | { readonly type: "rabbitmq.unblocked"; readonly level: "info" }
  /** The channel for publishes is replaced; what was unconfirmed on it is published again or unknown. */
  | { readonly type: "rabbitmq.channel-replaced"; readonly level: "warn"; readonly error: Error }
  /** The server ended a consumer (its queue was deleted or failed over); it subscribes again after `retryInMs`. */
  | {
      readonly type: "rabbitmq.consumer-lost";
      readonly level: "warn";
      readonly queue: string;
      readonly retryInMs: number;
      readonly error: Error;
    }
  /** The server has no quorum queues: this one was declared as a classic queue, on one node. */
  | { readonly type: "rabbitmq.queue-not-replicated"; readonly level: "warn"; readonly queue: string }
  /** The queue was declared by an older version and keeps the server's own delivery limit. */
  | { readonly type: "rabbitmq.delivery-limit-kept"; readonly level: "warn"; readonly queue: string }
  /** A Waybill header of a message could not be read; the message is handed on without it. */
  | {
      readonly type: "rabbitmq.headers-ignored";
      readonly level: "warn";
      readonly messageId: string;
      readonly topic: string;
      readonly reason: string;
    };

/** Publishing and consuming have a connection each: a blocked publisher must not stop acknowledgements. */
export type Role = "publishing" | "consuming";

export type RabbitmqBrokerListener = (event: RabbitmqBrokerEvent) => void;

/** Tells the listener; what it throws is ignored, so that a broken logger stops no delivery. */
export function notify(listener: RabbitmqBrokerListener, event: RabbitmqBrokerEvent): void {
  try {
    listener(event);
  } catch {
    // Reported to nobody: the listener is the one to report to.
  }
}
