import type { Envelope } from "@waybill/core";

/** The unit of order inside a group: one partition of one topic. */
export interface Lane {
  /** Returned messages whose pause before they come again is not over. */
  pauses: number;
}

/** Where a delivery came from and where its acknowledgement goes. */
export interface DeliverySource {
  /** The message was applied. */
  acknowledge(tag: number): void;
}

/** One message that this process has from the server and has not acknowledged. */
export interface Entry {
  readonly source: DeliverySource;
  readonly tag: number;
  readonly envelope: Envelope;
  readonly lane: Lane;
  /** Grows in the order of arrival. */
  readonly arrival: number;
  redelivered: boolean;
  returns: number;
}
