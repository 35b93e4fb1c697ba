import type { Envelope } from "@waybill/core";
import type { Member } from "./member.ts";

/** The unit of order inside a group: one topic, one partition, one member at a time. */
export interface Lane {
  readonly topic: string;
  readonly number: number;
  /** Who gets the next message. */
  owner: Member | null;
  /** Who has messages in flight; another owner waits until they settled. */
  servedBy: Member | null;
  inFlight: number;
  /** Returned messages whose pause before redelivery is not over. */
  pauses: number;
}

/** One message in the window of a group. */
export interface Entry {
  readonly offset: number;
  readonly envelope: Envelope;
  readonly lane: Lane;
  redelivered: boolean;
  returns: number;
  /** The member that has it in flight. */
  holder: Member | null;
}

/** Whether the lane's next message has to wait, for order's sake. */
export function isBlocked(lane: Lane): boolean {
  return lane.pauses > 0 || (lane.inFlight > 0 && lane.servedBy !== lane.owner);
}
