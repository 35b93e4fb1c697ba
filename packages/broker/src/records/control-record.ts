import { z } from "zod";
import type { RecordSource } from "@waybill/log";
import { jsonRecord } from "../storage/json-record.ts";
import { checkVersion, RECORD_KIND, RECORD_VERSION, unreadable } from "./record-kind.ts";

/*
 * Everything in the log that is not a message:
 *
 *      0      1         2
 *      +------+---------+------------------
 *      | kind | version | JSON, UTF-8
 *      +------+---------+------------------
 *
 * Each of them only ever adds to the state (a larger set, a higher number), so that applying one twice, or an old one
 * after a newer one, changes nothing. A checkpoint is therefore no other format: it is the state, recorded again.
 */
const whole = z.int().min(0);
const ranges = z.array(z.tuple([whole, whole]).readonly()).readonly();

const schemas = {
  /** The group gets messages of the topic from offset `from` on. */
  group: z.strictObject({ group: z.string(), topic: z.string(), from: whole }),
  /** Everything in `[start, end)` of the log is done for the group. */
  acks: z.strictObject({ group: z.string(), ranges }),
  /** Messages before `offset` may have been delivered to the group. */
  horizon: z.strictObject({ group: z.string(), offset: whole }),
  fence: z.strictObject({ source: z.string(), incarnation: z.string(), epoch: whole }),
  /** Sequences `[start, end)` of a partition are stored. */
  positions: z.strictObject({
    source: z.string(),
    incarnation: z.string(),
    topic: z.string(),
    partition: whole,
    ranges,
  }),
};

type Bodies = { [Kind in keyof typeof schemas]: z.infer<(typeof schemas)[Kind]> };

type ControlKind = keyof Bodies;

export type ControlRecord = {
  [Kind in ControlKind]: { readonly kind: Kind } & Readonly<Bodies[Kind]>;
}[ControlKind];

const KIND_NAMES: ReadonlyMap<number, ControlKind> = new Map([
  [RECORD_KIND.group, "group"],
  [RECORD_KIND.acks, "acks"],
  [RECORD_KIND.horizon, "horizon"],
  [RECORD_KIND.fence, "fence"],
  [RECORD_KIND.positions, "positions"],
]);

export function encodeControl({ kind, ...body }: ControlRecord): RecordSource {
  return jsonRecord(RECORD_KIND[kind], RECORD_VERSION, JSON.stringify(body));
}

/** @throws WaybillError `DATA_DIR_DAMAGED` for a kind or content that this version does not know. */
export function decodeControl(data: Buffer): ControlRecord {
  const kind = KIND_NAMES.get(data[0] ?? 0);
  if (kind === undefined) throw unreadable(`record kind ${data[0]} is not known`);
  checkVersion(data);
  const body = schemas[kind].safeParse(JSON.parse(data.toString("utf8", 2)));
  if (!body.success) throw unreadable(`a ${kind} record is malformed: ${body.error.message}`);
  return { kind, ...body.data } as ControlRecord;
}
