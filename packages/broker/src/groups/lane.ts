import type { Envelope } from "@waybill/core";

/** The unit of order inside a group: one topic, one partition, one member (`M`) at a time. */
export interface Lane<M = unknown> {
  readonly topic: string;
  readonly number: number;
  /** Who gets the next message. */
  owner: M | null;
  /** Who has messages in flight; another owner waits until they settled. */
  servedBy: M | null;
  inFlight: number;
  /** Returned messages whose pause before redelivery is not over. */
  pauses: number;
}

/** One message in the window of a group. */
export interface Entry<M = unknown> {
  readonly offset: number;
  readonly envelope: Envelope;
  readonly lane: Lane<M>;
  redelivered: boolean;
  returns: number;
  /** The member that has it in flight. */
  holder: M | null;
}

/** Whether the lane's next message has to wait, for order's sake. */
export function isBlocked(lane: Lane): boolean {
  return lane.pauses > 0 || (lane.inFlight > 0 && lane.servedBy !== lane.owner);
}
