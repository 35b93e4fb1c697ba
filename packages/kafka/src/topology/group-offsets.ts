import type { Admin } from "kafkajs";
import { disconnect, type KafkaClient } from "../kafkajs/client.ts";
import { errorKind } from "../kafkajs/error-kind.ts";
import { isNotYet, patiently } from "../kafkajs/patiently.ts";
import { parseNote, type OffsetNote } from "./offset-note.ts";

/** What a group has committed for one partition. */
export interface GroupOffset {
  readonly partition: number;
  /** The next offset to read, `null` when nothing was ever committed. */
  readonly offset: number | null;
  readonly note: OffsetNote | null;
}

/** What is committed for one partition next. */
export interface NewGroupOffset {
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
}

/** Of every partition of the topic. */
export async function groupOffsets(admin: Admin, groupId: string, topic: string): Promise<GroupOffset[]> {
  const [found] = await patiently(() => admin.fetchOffsets({ groupId, topics: [topic] }));
  // Nothing would read as: never committed, never fenced.
  if (found === undefined || found.partitions.length === 0)
    throw new Error(`kafkajs knows no partition of ${topic}`);
  return found.partitions
    .map(({ partition, offset, metadata }) => ({
      partition,
      offset: Number(offset) < 0 ? null : Number(offset),
      note: parseNote(metadata),
    }))
    .toSorted((a, b) => a.partition - b.partition);
}

/**
 * Reads the offsets of a group and changes them, with nobody in between: of two processes that do so under the same
 * transactional id one is fenced and begins again. The group may have members or none.
 */
export async function changeGroupOffsets(
  client: KafkaClient,
  change: {
    readonly transactionalId: string;
    readonly groupId: string;
    readonly topic: string;
    /** What to commit, nothing when all is well. */
    readonly decide: () => Promise<readonly NewGroupOffset[]>;
  },
): Promise<void> {
  await patiently(
    () => changeOnce(client, change),
    (error) => errorKind(error) === "fenced" || isNotYet(error),
  );
}

async function changeOnce(
  client: KafkaClient,
  change: Parameters<typeof changeGroupOffsets>[1],
): Promise<void> {
  const { transactionalId, groupId, topic, decide } = change;
  const producer = await client.transactionalProducer(transactionalId);
  try {
    const transaction = await producer.transaction();
    const partitions = await decide();
    if (partitions.length === 0) {
      await transaction.abort();
      return;
    }
    await transaction.sendOffsets({
      consumerGroupId: groupId,
      topics: [
        {
          topic,
          partitions: partitions.map(({ partition, offset, metadata }) => ({
            partition,
            offset: String(offset),
            metadata,
          })),
        },
      ],
    });
    await transaction.commit();
  } finally {
    void disconnect(producer);
  }
}
