/**
 * Where a message stands in the order of its source, given once by the relay in publish order. Together with the
 * envelope's `source`, `topic` and `partition` it names exactly one message; sequences of one partition have no gaps.
 */
export interface Position {
  /** UUID of the history that this sequence belongs to; renewed when a database lost or rewound its history. */
  readonly incarnation: string;
  /** 0, 1, 2, … within (source, incarnation, topic, partition). */
  readonly sequence: number;
}

/** One message as it travels: what the outbox keeps, what brokers carry, what consumers get. */
export interface Envelope {
  /** UUIDv7, the same on every copy. */
  readonly id: string;
  /** The service that sent it. */
  readonly source: string;
  readonly topic: string;
  /** Version of the topic's payload. */
  readonly version: number;
  /** What orders it; `null` when the topic has no key, and then nothing orders it. */
  readonly key: string | null;
  /** `crc32(key) % partitions`; for messages without key, of the id. */
  readonly partition: number;
  /** Application headers, with `traceparent` and `tracestate` when the sender had them. */
  readonly headers: Readonly<Record<string, string>>;
  readonly contentType: string;
  readonly payload: Uint8Array;
  /** When the sending transaction wrote it, milliseconds since the Unix epoch, by the database's clock. */
  readonly createdAt: number;
  /** `null` until the relay gave it one, and for messages of foreign producers. */
  readonly position: Position | null;
}
