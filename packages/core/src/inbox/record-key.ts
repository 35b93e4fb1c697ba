import { z } from "zod";
import { parseOptions } from "../options/parse-options.ts";

/** What is applied once: a message of a group. */
export interface RecordKey {
  /** Who applies it. Groups know nothing of each other: each applies every message once. 1 to 200 characters. */
  readonly group: string;
  /** The message's id, any text that is the same on every copy, such as the event id of a webhook's sender. */
  readonly messageId: string;
}

const GROUP_LENGTH_MAX = 200;
const ID_LENGTH_MAX = 65_536;

export const groupSchema = z
  .string()
  .min(1)
  .max(GROUP_LENGTH_MAX)
  .refine((group) => !group.includes("\0") && group.isWellFormed(), "no zero character, no lone surrogate");

const keySchema = z.strictObject({
  group: groupSchema,
  // Empty text is what a missing header becomes; all messages would be copies of the first.
  messageId: z.string().min(1).max(ID_LENGTH_MAX),
});

/** @throws WaybillError `OPTIONS_INVALID`, also for an id that is missing or empty */
export function checkedKey(where: string, key: RecordKey): RecordKey {
  return parseOptions(where, keySchema, key);
}
