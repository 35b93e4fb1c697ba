/** What the Kafka adapter reports. `level` says how much attention it wants. */
export type KafkaBrokerEvent =
  /** Another process published with the transactional id of the source: nothing more goes out under this lease. */
  | {
      readonly type: "kafka.fenced";
      readonly level: "warn";
      readonly source: string;
      readonly epoch: number;
      readonly error: Error;
    }
  /** What has become of a batch is unknown; its producer is given up, and the next publish makes a new one. */
  | { readonly type: "kafka.publish-failed"; readonly level: "warn"; readonly error: Error }
  | {
      readonly type: "kafka.assigned";
      readonly level: "info";
      readonly group: string;
      readonly partitions: number;
    }
  /** The member has left its group without wanting to; it joins again after `retryInMs`. */
  | {
      readonly type: "kafka.consumer-lost";
      readonly level: "warn";
      readonly group: string;
      readonly retryInMs: number;
      readonly error: Error;
    }
  /** Partitions were handed over while deliveries were under way: those come again, perhaps at another member. */
  | {
      readonly type: "kafka.released";
      readonly level: "warn";
      readonly group: string;
      readonly deliveries: number;
    }
  /** What was applied could not be recorded; it comes again after a restart, and is recognised. */
  | {
      readonly type: "kafka.commit-failed";
      readonly level: "warn";
      readonly group: string;
      readonly error: Error;
    }
  /** A Waybill header of a message could not be read; the message is handed on without it. */
  | {
      readonly type: "kafka.headers-ignored";
      readonly level: "warn";
      readonly topic: string;
      readonly partition: number;
      readonly offset: string;
      readonly reason: string;
    };

export type KafkaBrokerListener = (event: KafkaBrokerEvent) => void;

/** Tells the listener; what it throws is ignored, so that a broken logger stops no delivery. */
export function notify(listener: KafkaBrokerListener, event: KafkaBrokerEvent): void {
  try {
    listener(event);
  } catch {
    // Reported to nobody: the listener is the one to report to.
  }
}
