import { internals, type ProduceArguments, type ProduceRequest } from "./internals.ts";
import { RecordWriter, type WritableRecord } from "./record-writer.ts";

/** A record that this package made: it may be written the quick way. */
export class QuickRecord implements WritableRecord {
  readonly key: string | null;
  readonly value: Buffer;
  readonly headers: Record<string, string>;
  readonly partition: number;

  constructor(key: string | null, value: Buffer, headers: Record<string, string>, partition: number) {
    this.key = key;
    this.value = value;
    this.headers = headers;
    this.partition = partition;
  }
}

const MENDED = Symbol("waybill: produce requests are written quickly");
/** From this version on a request carries batches of records, and up to 7, kafkajs' last, nothing changed. */
const VERSION_MIN = 3;
const VERSION_MAX = 7;
const UNCOMPRESSED = 0;
const REQUEST_BYTES = 1_024;
const RECORD_BYTES = 512;

/** Has requests that carry `QuickRecord`s written by this package; those of everybody else stay with kafkajs. */
export function mendProduce(): void {
  const { produce } = internals;
  if (MENDED in produce) return;
  Object.defineProperty(produce, MENDED, { value: true });
  const versions = produce.protocol;
  produce.protocol = ({ version }) => {
    const make = versions({ version });
    if (version < VERSION_MIN || version > VERSION_MAX) return make;
    return (given) => {
      const made = make(given);
      if (!isQuick(given)) return made;
      const request: ProduceRequest = { ...made.request, encode: () => Promise.resolve(encode(given)) };
      return { ...made, request };
    };
  };
}

function isQuick({ compression, topicData }: ProduceArguments): boolean {
  return (
    (compression ?? UNCOMPRESSED) === UNCOMPRESSED &&
    topicData.every(({ partitions }) =>
      partitions.every(({ messages }) => messages.every((message) => message instanceof QuickRecord)),
    )
  );
}

/** What kafkajs takes for one of its encoders. */
function encode(given: ProduceArguments): { readonly buf: Buffer; readonly buffer: Buffer } {
  const { transactionalId, acks, timeout, topicData, producerId, producerEpoch } = given;
  const writer = new RecordWriter(expectedBytes(topicData));
  const now = Date.now();
  writer.string(transactionalId ?? null);
  writer.int16(acks);
  writer.int32(timeout);
  writer.int32(topicData.length);
  for (const { topic, partitions } of topicData) {
    writer.string(topic);
    writer.int32(partitions.length);
    for (const { partition, messages, firstSequence = 0 } of partitions) {
      const isTransactional = Boolean(transactionalId);
      writer.int32(partition);
      writer.batch(messages, { producerId, producerEpoch, firstSequence, isTransactional }, now);
    }
  }
  const bytes = writer.written;
  return { buf: bytes, buffer: bytes };
}

function expectedBytes(topicData: ProduceArguments["topicData"]): number {
  let bytes = REQUEST_BYTES;
  for (const { partitions } of topicData) {
    for (const { messages } of partitions) {
      for (const { value } of messages) bytes += value.length + RECORD_BYTES;
    }
  }
  return bytes;
}
