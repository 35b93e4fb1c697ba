import { readProperty } from "@waybill/amqp";
import type { RecordSource } from "@waybill/log";
import { KIND, VERSION, VERSION_WITH_POSITION } from "./kinds.ts";

/*
 * One message, stored once however many queues it went to. Little endian.
 *
 *      0      1      2       3          4             6        8            16           20
 *      +------+------+-------+----------+-------------+--------+------------+------------+
 *      | kind | ver. | flags | exchange | routing key | queues | published  | properties |
 *      |  16  | 1, 2 | u8    | bytes u8 | bytes u16   | u16    | at f64 ms  | bytes u32  |
 *      +------+------+-------+----------+-------------+--------+------------+------------+
 *      20 …
 *      +---------------+----------------+----------------+------------+----------+-------------+------------+------
 *      | [flag 4]      | queue u32 each | [flag 2] from  | [flag 8]   | exchange | routing key | properties | body
 *      | due at f64,   |                | queue u32,     | positions  |          |             |            |
 *      | host u16 text |                | its offset f64 | u32        |          |             |            |
 *      +---------------+----------------+----------------+------------+----------+-------------+------------+------
 *
 * Flag 1: transient, does not survive a restart. Flag 2: takes the place of a message of another queue, which this
 * record settles. Flag 4: waits until it is due; the queues are chosen then. Flag 8, in version 2: with it the position in
 * its headers is stored, among those that have this number.
 */
const HEAD_BYTES = 20;
const FLAG_TRANSIENT = 1;
const FLAG_MOVED = 2;
const FLAG_DELAYED = 4;
const FLAG_POSITION = 8;
/** A message that waits in memory keeps at most so many times its size there. */
const SHARE_MAX = 4;
/** `expiration` among the flags of the properties. */
const EXPIRATION_FLAG = 0x01;

/** The message that a new one replaces in the same record: an expired or rejected one, or a delayed one that is due. */
export interface MovedFrom {
  /** 0: the delayed messages. */
  readonly queueId: number;
  readonly offset: number;
}

export interface ContentFields {
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: Buffer;
  readonly body: Buffer;
  readonly isTransient: boolean;
  readonly publishedAt: number;
  readonly queueIds: readonly number[];
  readonly movedFrom: MovedFrom | null;
  /** When and where it is routed, or `null`: at once. */
  readonly delayed: Delayed | null;
  /** The positions that its own is one of from now on. */
  readonly positionsId?: number | undefined;
}

export interface Delayed {
  /** Milliseconds since the Unix epoch. */
  readonly dueAt: number;
  readonly virtualHost: string;
}

/** A message on its way into the log and from there to its queues. */
export class Content implements RecordSource, ContentFields {
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: Buffer;
  readonly body: Buffer;
  readonly isTransient: boolean;
  readonly publishedAt: number;
  readonly queueIds: readonly number[];
  readonly movedFrom: MovedFrom | null;
  readonly delayed: Delayed | null;
  readonly positionsId: number | undefined;
  readonly byteLength: number;
  readonly #exchangeBytes: number;
  readonly #routingKeyBytes: number;

  constructor(fields: ContentFields) {
    this.exchange = fields.exchange;
    this.routingKey = fields.routingKey;
    this.properties = fields.properties;
    this.body = fields.body;
    this.isTransient = fields.isTransient;
    this.publishedAt = fields.publishedAt;
    this.queueIds = fields.queueIds;
    this.movedFrom = fields.movedFrom;
    this.delayed = fields.delayed;
    this.positionsId = fields.positionsId;
    this.#exchangeBytes = Buffer.byteLength(fields.exchange);
    this.#routingKeyBytes = Buffer.byteLength(fields.routingKey);
    this.byteLength =
      HEAD_BYTES +
      (fields.delayed === null ? 0 : 10 + Buffer.byteLength(fields.delayed.virtualHost)) +
      4 * fields.queueIds.length +
      (fields.movedFrom === null ? 0 : 12) +
      (fields.positionsId === undefined ? 0 : 4) +
      this.#exchangeBytes +
      this.#routingKeyBytes +
      fields.properties.length +
      fields.body.length;
  }

  /** The property `expiration` in milliseconds, or `null`. */
  get expirationMs(): number | null {
    if (((this.properties[0] ?? 0) & EXPIRATION_FLAG) === 0) return null;
    return Number(readProperty(this.properties, "expiration"));
  }

  /** The same in memory of its own, where it is a small part of a block that it would keep in memory as a whole. */
  detached(): Content {
    const { properties, body } = this;
    if (body.buffer.byteLength <= (properties.length + body.length) * SHARE_MAX) return this;
    const bytes = Buffer.allocUnsafeSlow(properties.length + body.length);
    bytes.set(properties, 0);
    bytes.set(body, properties.length);
    return new Content({
      exchange: this.exchange,
      routingKey: this.routingKey,
      properties: bytes.subarray(0, properties.length),
      body: bytes.subarray(properties.length),
      isTransient: this.isTransient,
      publishedAt: this.publishedAt,
      queueIds: this.queueIds,
      movedFrom: this.movedFrom,
      delayed: this.delayed,
      positionsId: this.positionsId,
    });
  }

  writeTo(target: Buffer, start: number): void {
    const { movedFrom, delayed, queueIds, positionsId } = this;
    target[start] = KIND.content;
    target[start + 1] = positionsId === undefined ? VERSION : VERSION_WITH_POSITION;
    target[start + 2] =
      (this.isTransient ? FLAG_TRANSIENT : 0) |
      (movedFrom === null ? 0 : FLAG_MOVED) |
      (delayed === null ? 0 : FLAG_DELAYED) |
      (positionsId === undefined ? 0 : FLAG_POSITION);
    target[start + 3] = this.#exchangeBytes;
    target.writeUInt16LE(this.#routingKeyBytes, start + 4);
    target.writeUInt16LE(queueIds.length, start + 6);
    target.writeDoubleLE(this.publishedAt, start + 8);
    target.writeUInt32LE(this.properties.length, start + 16);
    let at = start + HEAD_BYTES;
    if (delayed !== null) {
      at = target.writeDoubleLE(delayed.dueAt, at);
      const hostBytes = target.write(delayed.virtualHost, at + 2, "utf8");
      at = target.writeUInt16LE(hostBytes, at) + hostBytes;
    }
    for (const id of queueIds) at = target.writeUInt32LE(id, at);
    if (movedFrom !== null) {
      at = target.writeUInt32LE(movedFrom.queueId, at);
      at = target.writeDoubleLE(movedFrom.offset, at);
    }
    if (positionsId !== undefined) at = target.writeUInt32LE(positionsId, at);
    at += target.write(this.exchange, at, this.#exchangeBytes, "utf8");
    at += target.write(this.routingKey, at, this.#routingKeyBytes, "utf8");
    target.set(this.properties, at);
    target.set(this.body, at + this.properties.length);
  }
}

export function isContent(data: Buffer): boolean {
  return data[0] === KIND.content;
}

export function decodeContent(data: Buffer): Content {
  const exchangeBytes = data[3] ?? 0;
  const routingKeyBytes = data.readUInt16LE(4);
  const propertiesBytes = data.readUInt32LE(16);
  const { queueIds, movedFrom, delayed, positionsId, textsAt } = decodeLinks(data);
  const keyAt = textsAt + exchangeBytes;
  const propertiesAt = keyAt + routingKeyBytes;
  return new Content({
    exchange: data.toString("utf8", textsAt, keyAt),
    routingKey: data.toString("utf8", keyAt, propertiesAt),
    properties: data.subarray(propertiesAt, propertiesAt + propertiesBytes),
    body: data.subarray(propertiesAt + propertiesBytes),
    isTransient: ((data[2] ?? 0) & FLAG_TRANSIENT) !== 0,
    publishedAt: data.readDoubleLE(8),
    queueIds,
    movedFrom,
    delayed,
    positionsId,
  });
}

/** Whether a stored message has the property `expiration`. */
export function mayExpire(data: Buffer): boolean {
  const propertiesAt = decodeLinks(data).textsAt + (data[3] ?? 0) + data.readUInt16LE(4);
  return ((data[propertiesAt] ?? 0) & EXPIRATION_FLAG) !== 0;
}

interface Links {
  readonly isTransient: boolean;
  readonly queueIds: readonly number[];
  readonly movedFrom: MovedFrom | null;
  readonly delayed: Delayed | null;
  readonly positionsId: number | undefined;
  readonly textsAt: number;
}

/** Where a stored message went and what it replaced. */
export function decodeLinks(data: Buffer): Links {
  const flags = data[2] ?? 0;
  const count = data.readUInt16LE(6);
  let at = HEAD_BYTES;
  let delayed: Delayed | null = null;
  if ((flags & FLAG_DELAYED) !== 0) {
    const hostEnd = at + 10 + data.readUInt16LE(at + 8);
    delayed = { dueAt: data.readDoubleLE(at), virtualHost: data.toString("utf8", at + 10, hostEnd) };
    at = hostEnd;
  }
  const queueIds: number[] = [];
  for (let index = 0; index < count; index += 1) {
    queueIds.push(data.readUInt32LE(at));
    at += 4;
  }
  let movedFrom: MovedFrom | null = null;
  if ((flags & FLAG_MOVED) !== 0) {
    movedFrom = { queueId: data.readUInt32LE(at), offset: data.readDoubleLE(at + 4) };
    at += 12;
  }
  let positionsId: number | undefined;
  if ((flags & FLAG_POSITION) !== 0) {
    positionsId = data.readUInt32LE(at);
    at += 4;
  }
  const isTransient = (flags & FLAG_TRANSIENT) !== 0;
  return { isTransient, queueIds, movedFrom, delayed, positionsId, textsAt: at };
}
