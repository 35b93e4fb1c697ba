import type { ClaimRequest } from "@waybill/core";
import type { Answer } from "../connection/flight.ts";
import type { InParts } from "../connection/open-transaction.ts";
import type { Row } from "../connection/run.ts";
import type { Step } from "../connection/wire-bytes.ts";
import type { InboxStatements } from "../sql/inbox-statements.ts";
import { storable } from "../text.ts";
import { messageUuid } from "./message-uuid.ts";

const CLAIMED: readonly Row[] = [["claimed"]];
const INSERTED = "INSERT 0 1";

/**
 * What `inbox_claim` does for a message with nothing special about it, as the statements that it consists of. Calling
 * the function costs more than they do in one round trip: the lock of the key, the record, and the look at what was
 * committed meanwhile, each with a snapshot of its own, as there. Only where all of it says that the message was claimed
 * is the function not asked.
 *
 * @param stream the id of the stream as far as known
 * @param onParked called when the group was found to have parked something
 */
export function plainClaim(
  inbox: InboxStatements,
  request: ClaimRequest,
  stream: string,
  onParked: () => void,
): InParts | null {
  const { group, envelope, ordered } = request;
  const { id, source, position, topic, partition, key } = envelope;
  if (position === null) return null;
  const uuid = messageUuid(id);
  const of = [group, storable(source), position.incarnation, storable(topic), String(partition)];
  const sequence = String(position.sequence);
  const record: Step = { statement: inbox.insert, values: [group, uuid, stream, sequence] };
  const look: Step = { statement: inbox.look, values: [stream, sequence, ...of] };
  const steps = [record, look];
  if (ordered && key !== null) {
    steps.unshift({ statement: inbox.lockKey, values: [group, storable(topic), storable(key)] });
  }
  const ofRecord = (answers: readonly Answer[]): boolean => answers.at(-2)?.command === INSERTED;
  return {
    steps,
    rowsOf(answers) {
      const [row] = answers.at(-1)?.rows ?? [];
      if (row?.[1] === "t") onParked();
      return ofRecord(answers) && row?.[0] === "f" && row[1] === "f" ? CLAIMED : null;
    },
    undoing: (answers) => (ofRecord(answers) ? { statement: inbox.unclaim, values: [group, uuid] } : null),
  };
}
