import type { CompressionTypes, ProducerBatch, RecordMetadata } from "kafkajs";

/** Something that sends: a producer, or a transaction of one. */
export interface Sender {
  sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]>;
}

export interface TopicRecords {
  readonly topic: string;
  readonly messages: ProducerBatch["topicMessages"] extends (infer T)[] | undefined
    ? T extends { messages: infer M }
      ? M
      : never
    : never;
}

/**
 * Sends to any number of partitions at once and checks that every one of them answered. kafkajs 2.2.4 keeps the
 * responses of a first attempt when it tries again: if a partition moved meanwhile to a server that has answered,
 * its records are never sent and `sendBatch` resolves all the same.
 *
 * @throws Error when a partition is missing in the response; what was sent to the others is stored
 */
export async function sendComplete(
  sender: Sender,
  topicMessages: readonly TopicRecords[],
  options: { readonly timeoutMs: number; readonly compression: CompressionTypes },
): Promise<void> {
  const responses = await sender.sendBatch({
    acks: -1,
    timeout: options.timeoutMs,
    compression: options.compression,
    topicMessages: [...topicMessages],
  });
  const answered = new Set<string>();
  for (const { topicName, partition, errorCode } of responses) {
    if (errorCode === 0) answered.add(`${topicName}/${partition}`);
  }
  for (const { topic, messages } of topicMessages) {
    for (const { partition } of messages) {
      if (!answered.has(`${topic}/${partition}`))
        throw new Error(`kafkajs sent nothing to partition ${partition} of ${topic}`);
    }
  }
}
