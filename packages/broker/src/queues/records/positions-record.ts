import { z } from "zod";
import type { RecordSource } from "@waybill/log";
import { jsonRecord } from "../../storage/json-record.ts";
import { KIND, VERSION } from "./kinds.ts";

/*
 * What fenced publishers left behind at an exchange:
 *
 *      0      1         2
 *      +------+---------+------------------
 *      | 23   |    1    | JSON, UTF-8
 *      +------+---------+------------------
 *
 * Each of them only ever adds, so that applying one twice changes nothing.
 */
const whole = z.int().min(0);
const place = { id: whole, virtualHost: z.string(), exchange: z.string() };
const partition = {
  id: whole,
  source: z.string(),
  incarnation: z.string(),
  topic: z.string(),
  partition: whole,
};

const schema = z.discriminatedUnion("op", [
  /** The exchange's positions have this number. */
  z.strictObject({ op: z.literal("open"), ...place }),
  /** The same, and lower epochs may publish nothing more. */
  z.strictObject({
    op: z.literal("fence"),
    ...place,
    source: z.string(),
    incarnation: z.string(),
    epoch: whole,
  }),
  /** Sequences `[start, end)` of a partition are stored. Only in snapshots: in the log, messages say so themselves. */
  z.strictObject({
    op: z.literal("stored"),
    ...partition,
    ranges: z.array(z.tuple([whole, whole]).readonly()).readonly(),
  }),
  /** The ids of messages that are stored. Only in snapshots, too. */
  z.strictObject({
    op: z.literal("ids"),
    ...partition,
    ids: z.array(z.tuple([whole, z.string()]).readonly()).readonly(),
  }),
]);

export type PositionsChange = Readonly<z.infer<typeof schema>>;

export function encodePositions(change: PositionsChange): RecordSource {
  return jsonRecord(KIND.positions, VERSION, JSON.stringify(change));
}

/** @throws ZodError or SyntaxError for what this version did not write */
export function decodePositions(data: Buffer): PositionsChange {
  return schema.parse(JSON.parse(data.toString("utf8", 2)));
}
