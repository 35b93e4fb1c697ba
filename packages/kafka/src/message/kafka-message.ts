import { createHash } from "node:crypto";
import type { IHeaders } from "kafkajs";
import type { Envelope } from "@waybill/core";
import { fromWire, toWire, WIRE } from "@waybill/core";
import { QuickRecord } from "../kafkajs/quick-produce.ts";

/** What of a Kafka record makes an envelope. */
export interface IncomingRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: IHeaders | undefined;
}

/** A message read. */
export interface ReadRecord {
  readonly envelope: Envelope;
  /** Why Waybill headers were left aside, `null` when all could be read. */
  readonly ignored: string | null;
}

/** The Kafka partition of a Waybill partition: the same for as long as the topic keeps its number of partitions. */
export function kafkaPartitionOf(partition: number, kafkaPartitions: number): number {
  return partition % kafkaPartitions;
}

/** An envelope as a Kafka record, as `docs/wire.md` pins it. */
export function toRecord(envelope: Envelope, kafkaPartitions: number): QuickRecord {
  const { headers, payload } = toWire(envelope);
  const value = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  return new QuickRecord(envelope.key, value, headers, kafkaPartitionOf(envelope.partition, kafkaPartitions));
}

/**
 * An envelope from a Kafka record, also from producers that know nothing of Waybill: then the Kafka topic is the
 * topic, the place in the log the id, and the record's key the key. Nothing is refused, so that a message that is
 * odd ends where people look for it, among the dead letters of the group.
 *
 * @param topic what the Kafka topic is called in Waybill
 * @param partitions modulus for messages that name no partition
 */
export function fromRecord(record: IncomingRecord, topic: string, partitions: number): ReadRecord {
  const headers = withRecord(record, topic);
  const payload = record.value ?? Buffer.alloc(0);
  try {
    return { envelope: fromWire({ headers, payload }, partitions), ignored: null };
  } catch (error) {
    return {
      envelope: fromWire({ headers: withoutOptional(headers), payload }, partitions),
      ignored: error instanceof Error ? error.message : String(error),
    };
  }
}

function withRecord(record: IncomingRecord, topic: string): Record<string, string> {
  const headers = textHeaders(record.headers ?? {});
  headers[WIRE.id] ||= placeId(record);
  headers[WIRE.source] ||= "kafka";
  headers[WIRE.type] ||= topic;
  if (record.key !== null && headers[WIRE.specVersion] === undefined)
    headers[WIRE.key] ??= record.key.toString("utf8");
  return headers;
}

function textHeaders(headers: IHeaders): Record<string, string> {
  const text: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    const last = Array.isArray(value) ? value.at(-1) : value;
    if (last !== undefined) text[name] = typeof last === "string" ? last : last.toString("utf8");
  }
  return text;
}

function withoutOptional(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = { ...headers };
  for (const name of [WIRE.time, WIRE.version, WIRE.partition, WIRE.incarnation, WIRE.sequence])
    delete kept[name];
  return kept;
}

/** The place of a record in the log as a UUID (version 8): the same each time it is read. */
function placeId({ topic, partition, offset }: IncomingRecord): string {
  const hash = createHash("sha256").update(`${topic}/${partition}/${offset}`).digest("hex");
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}
