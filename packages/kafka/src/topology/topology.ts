import type { Admin } from "kafkajs";
import { isWaybillError } from "@waybill/core";
import type { KafkaClient } from "../kafkajs/client.ts";
import { protocolErrorOf } from "../kafkajs/error-kind.ts";
import { isNotYet, patiently } from "../kafkajs/patiently.ts";
import type { ResolvedKafkaBrokerOptions } from "../options/kafka-broker-options.ts";
import { changeGroupOffsets, groupOffsets, type GroupOffset } from "./group-offsets.ts";
import { noteText } from "./offset-note.ts";
import { batchBytesMaxOf, checkTopicSettings, readTopicSettings } from "./topic-settings.ts";
import { partitionsChanged, topicMissing } from "./topology-mismatch.ts";

/** Where the messages of a topic go. */
export interface Place {
  readonly kafkaTopic: string;
  readonly partitions: number;
  /** Most bytes that one batch of records may have. */
  readonly batchBytesMax: number;
}

interface KnownPlace {
  readonly place: Place;
  /** A group that wants the topic, `null` while none is known. */
  routedBy: string | null;
  /** Until then it is believed without looking again. Milliseconds. */
  trustedUntil: number;
}

/** How long a topic's partitions and groups are believed. */
const TRUST_MS = 15_000;
/** With fewer servers a topic has as many replicas as there are servers. */
const REPLICAS_WANTED = 3;
/** For headers, and for batches of more than one large message. */
const HEADROOM_BYTES = 1024 * 1024;
/** Groups in which the epochs of sources are kept: they read nothing. */
export const FENCE_GROUPS = "waybill.fence/";
/** The topic that those groups have their offsets on. Nothing is ever written to it. */
const FENCE_TOPIC = "waybill.fences";

/** Topics and groups of the cluster: makes them, checks them, and knows who wants what. */
export class Topology {
  readonly #client: KafkaClient;
  readonly #options: ResolvedKafkaBrokerOptions;
  readonly #admin: () => Admin;
  readonly #places = new Map<string, KnownPlace>();

  constructor(client: KafkaClient, options: ResolvedKafkaBrokerOptions, admin: () => Admin) {
    this.#client = client;
    this.#options = options;
    this.#admin = admin;
  }

  kafkaTopic(topic: string): string {
    return `${this.#options.topicPrefix}${topic}`;
  }

  topicOf(kafkaTopic: string): string {
    return kafkaTopic.slice(this.#options.topicPrefix.length);
  }

  kafkaGroup(group: string): string {
    return `${this.#options.groupPrefix}${group}`;
  }

  /** Makes the topics that are missing. @throws WaybillError `TOPOLOGY_MISMATCH` with `declare: false` */
  async declareTopics(topics: readonly string[]): Promise<void> {
    for (const topic of topics) await this.#ensure(this.kafkaTopic(topic), this.#options.topicPartitions);
  }

  /** Makes sure that there is a topic for the epochs of sources. Answers its name. */
  async fenceTopic(): Promise<string> {
    const name = this.kafkaTopic(FENCE_TOPIC);
    await this.#ensure(name, 1);
    return name;
  }

  /** From when this resolves the group is given what is published to these topics, before anybody subscribes. */
  async declareGroup(group: string, topics: readonly string[]): Promise<void> {
    const groupId = this.kafkaGroup(group);
    for (const topic of topics) {
      const known = await this.#ensure(this.kafkaTopic(topic), this.#options.topicPartitions);
      const offsets = await groupOffsets(this.#admin(), groupId, known.place.kafkaTopic);
      checkCount(groupId, known.place, offsets);
      if (offsets.some(({ offset }) => offset === null)) {
        await this.#giveOffsets(groupId, known.place);
        await this.#untilGiven(groupId, known.place);
      }
      known.routedBy = groupId;
    }
  }

  /**
   * Where to publish messages of this topic, `null` when nobody would get them.
   *
   * @throws WaybillError `TOPOLOGY_MISMATCH` when the number of partitions is not what the groups were declared with,
   *   or the topic's settings may lose messages
   */
  async placeOf(topic: string, nowMs: number): Promise<Place | null> {
    const kafkaTopic = this.kafkaTopic(topic);
    const known = this.#places.get(kafkaTopic);
    if (known !== undefined && known.routedBy !== null && nowMs < known.trustedUntil) return known.place;
    const place = await this.#look(kafkaTopic);
    if (place === null) {
      this.#places.delete(kafkaTopic);
      return null;
    }
    if (known !== undefined && known.place.partitions !== place.partitions)
      throw partitionsChanged(kafkaTopic, known.place.partitions, place.partitions);
    const routedBy = await this.#routedBy(place, known?.routedBy ?? null);
    this.#places.set(kafkaTopic, { place, routedBy, trustedUntil: nowMs + TRUST_MS });
    return routedBy === null && this.#options.requireGroup ? null : place;
  }

  /** Drops what is believed about groups: the cluster was away. */
  distrust(): void {
    for (const known of this.#places.values()) known.trustedUntil = 0;
  }

  async #ensure(kafkaTopic: string, partitions: number): Promise<KnownPlace> {
    const known = this.#places.get(kafkaTopic);
    if (known !== undefined) return known;
    let place = await this.#look(kafkaTopic);
    if (place === null) {
      if (!this.#options.declare) throw topicMissing(kafkaTopic);
      await this.#create(kafkaTopic, partitions);
      place = await this.#lookUntilThere(kafkaTopic);
    }
    const made: KnownPlace = { place, routedBy: null, trustedUntil: 0 };
    this.#places.set(kafkaTopic, made);
    return made;
  }

  async #create(kafkaTopic: string, partitions: number): Promise<void> {
    const { topicConfig, payloadBytesMax } = this.#options;
    const replicas = this.#options.replicationFactor ?? (await this.#replicasPossible());
    const settings = {
      "max.message.bytes": String(payloadBytesMax + HEADROOM_BYTES),
      ...(replicas > 2 ? { "min.insync.replicas": "2" } : {}),
      ...topicConfig,
    };
    await this.#admin().createTopics({
      // kafkajs' own wait fails while a server does not know the topic yet.
      waitForLeaders: false,
      topics: [
        {
          topic: kafkaTopic,
          numPartitions: partitions,
          replicationFactor: replicas,
          configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
        },
      ],
    });
  }

  async #replicasPossible(): Promise<number> {
    const { brokers } = await this.#admin().describeCluster();
    return Math.min(brokers.length, REPLICAS_WANTED);
  }

  #lookUntilThere(kafkaTopic: string): Promise<Place> {
    return patiently(
      async () => {
        const place = await this.#look(kafkaTopic);
        if (place === null) throw topicMissing(kafkaTopic);
        return place;
      },
      (error) => isWaybillError(error, "TOPOLOGY_MISMATCH") || isNotYet(error),
    );
  }

  async #look(kafkaTopic: string): Promise<Place | null> {
    try {
      const { topics } = await this.#admin().fetchTopicMetadata({ topics: [kafkaTopic] });
      const partitions = topics.find(({ name }) => name === kafkaTopic)?.partitions ?? [];
      const [first] = partitions;
      if (first === undefined) return null;
      const known = this.#places.get(kafkaTopic);
      if (known !== undefined) return { ...known.place, partitions: partitions.length };
      const settings = await readTopicSettings(this.#admin(), kafkaTopic);
      checkTopicSettings(kafkaTopic, first.replicas.length, settings);
      return { kafkaTopic, partitions: partitions.length, batchBytesMax: batchBytesMaxOf(settings) };
    } catch (error) {
      if (protocolErrorOf(error) === "UNKNOWN_TOPIC_OR_PARTITION") return null;
      throw error;
    }
  }

  /** A group that has asked for the topic: the one that is known, or the first that is found. */
  async #routedBy(place: Place, known: string | null): Promise<string | null> {
    if (known !== null && (await this.#wants(known, place))) return known;
    const { groups } = await this.#admin().listGroups();
    const fences = this.kafkaGroup(FENCE_GROUPS);
    for (const { groupId } of groups) {
      if (!groupId.startsWith(fences) && (await this.#wants(groupId, place))) return groupId;
    }
    return null;
  }

  async #wants(groupId: string, place: Place): Promise<boolean> {
    const offsets = await groupOffsets(this.#admin(), groupId, place.kafkaTopic);
    checkCount(groupId, place, offsets);
    return offsets.some(({ offset }) => offset !== null);
  }

  /** A commit is answered before its offsets can be read: a member that joined now would begin elsewhere. */
  async #untilGiven(groupId: string, { kafkaTopic }: Place): Promise<void> {
    await patiently(
      async () => {
        const offsets = await groupOffsets(this.#admin(), groupId, kafkaTopic);
        if (offsets.some(({ offset }) => offset === null)) throw new OffsetsPending(groupId);
      },
      (error) => error instanceof OffsetsPending,
    );
  }

  async #giveOffsets(groupId: string, place: Place): Promise<void> {
    const { kafkaTopic, partitions } = place;
    await changeGroupOffsets(this.#client, {
      transactionalId: `${this.#options.transactionalIdPrefix}group/${groupId}`,
      groupId,
      topic: kafkaTopic,
      decide: async () => {
        const ends = await patiently(() => this.#admin().fetchTopicOffsets(kafkaTopic));
        const offsets = await groupOffsets(this.#admin(), groupId, kafkaTopic);
        checkCount(groupId, place, offsets);
        const has = new Set(offsets.filter(({ offset }) => offset !== null).map((one) => one.partition));
        return ends
          .filter(({ partition }) => !has.has(partition))
          .map(({ partition, high }) => ({
            partition,
            offset: Number(high),
            metadata: noteText({ partitions, horizon: Number(high), applied: [] }),
          }));
      },
    });
  }
}

/** Another number of partitions puts keys elsewhere: their order would break between old messages and new ones. */
function checkCount(
  groupId: string,
  { kafkaTopic, partitions }: Place,
  offsets: readonly GroupOffset[],
): void {
  for (const { note } of offsets) {
    if (note !== null && note.partitions !== partitions)
      throw partitionsChanged(kafkaTopic, note.partitions, partitions, groupId);
  }
}

class OffsetsPending extends Error {
  constructor(groupId: string) {
    super(`the offsets of group ${groupId} cannot be read yet`);
  }
}
