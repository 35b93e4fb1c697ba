import type { Producer, ProducerBatch, ProducerRecord, RecordMetadata, Transaction } from "kafkajs";
import { type Calls, WaybillError } from "@waybill/core";
import { connectionEvents } from "./connection-events.ts";
import { takeMessage } from "./take-message.ts";

export interface OutboxedOptions {
  /** The Waybill of this service: its transactions are those that messages are recorded in. */
  readonly waybill: { readonly calls: Calls };
}

/** No partition is chosen before the relay publishes. */
const PARTITION_OPEN = -1;

/**
 * A producer of kafkajs whose messages are sent if and only if the ambient transaction commits: they are written to the
 * outbox, and a relay with `kafkaBroker` sends them with the same topic, key, value, headers, and partition and
 * timestamp where given. Records of one topic and key, or of one named partition, keep their order.
 *
 * `send` and `sendBatch` resolve when the messages are recorded in the transaction, with kafkajs' answer without offsets,
 * and partition -1 where none was named. `acks`, `timeout` and `compression` are the relay's affair and are ignored.
 * `connect` and `disconnect` do nothing but tell their listeners: no connection is needed. The producer that is given
 * is never used to send.
 *
 * @throws WaybillError `OPTIONS_INVALID` without a Waybill. `send` and `sendBatch` reject with `NOT_IN_TRANSACTION`
 *   outside of an ambient transaction, `CALL_UNSUPPORTED` for messages that kafkajs would refuse, or what the database
 *   said; `transaction` rejects with `CALL_UNSUPPORTED`
 */
export function outboxed(producer: Producer, options: OutboxedOptions): Producer {
  const calls = callsOf(options);
  const connection = connectionEvents(producer);

  const sendBatch = async ({ topicMessages = [] }: ProducerBatch): Promise<RecordMetadata[]> => {
    const taken = topicMessages.flatMap(({ topic, messages }) => {
      if (!Array.isArray(messages)) throw unsupported(`the messages for topic "${topic}" are no array`);
      return messages.map((message) => takeMessage(topic, message));
    });
    for (const call of taken) calls.take(call);
    await calls.recorded();
    return answerTo(topicMessages);
  };

  return {
    sendBatch,
    send: ({ topic, messages }: ProducerRecord) => sendBatch({ topicMessages: [{ topic, messages }] }),
    connect: async () => connection.tell(producer.events.CONNECT),
    disconnect: async () => connection.tell(producer.events.DISCONNECT),
    isIdempotent: () => producer.isIdempotent(),
    events: producer.events,
    on: connection.on,
    transaction: (): Promise<Transaction> =>
      Promise.reject(
        unsupported(
          "transaction() and its sendOffsets() belong to Kafka, and this producer writes to the database. Send inside of " +
            "the database transaction; to apply what was consumed once, use waybill.idempotent",
        ),
      ),
    logger: () => producer.logger(),
  };
}

function callsOf(options: OutboxedOptions | undefined): Calls {
  const calls = options?.waybill?.calls;
  if (typeof calls?.take === "function") return calls;
  throw new WaybillError(
    "OPTIONS_INVALID",
    "outboxed: give the service's Waybill: outboxed(producer, { waybill }).",
  );
}

/** What kafkajs answers, once for each partition; what is known before anything was published. */
function answerTo(topicMessages: NonNullable<ProducerBatch["topicMessages"]>): RecordMetadata[] {
  const answers = new Map<string, RecordMetadata>();
  for (const { topic, messages } of topicMessages) {
    for (const message of messages) {
      const partition = message.partition ?? PARTITION_OPEN;
      answers.set(`${topic}/${partition}`, { topicName: topic, partition, errorCode: 0 });
    }
  }
  return [...answers.values()];
}

function unsupported(detail: string): WaybillError {
  return new WaybillError("CALL_UNSUPPORTED", `outboxed producer: ${detail}.`);
}
