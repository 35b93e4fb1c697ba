import kafkajs from "kafkajs";
import type { Admin, ICustomPartitioner, PartitionMetadata } from "kafkajs";
import { type Envelope, WaybillError } from "@waybill/core";
import { errorKind, isForbidden, protocolErrorOf } from "../kafkajs/error-kind.ts";
import type { Made, Route } from "../publish/publish-plan.ts";
import { batchBytesMaxOf, readTopicSettings } from "../topology/topic-settings.ts";
import type { Place } from "../topology/topology.ts";
import { messageOf } from "../unavailable.ts";
import { bytesOfMessage, messageOfCall } from "./call-record.ts";

/** Where the calls on a topic go. */
interface CallPlace extends Place {
  readonly partitionMetadata: PartitionMetadata[];
}

interface KnownTopic {
  readonly place: CallPlace;
  /** Until then it is believed without looking again. Milliseconds. */
  readonly trustedUntil: number;
}

/** How long a topic's partitions are believed. */
const TRUST_MS = 15_000;

/**
 * Repeats what outboxed producers recorded: on topics that are named as the application names them, exist already and
 * are otherwise nobody's business here, to the partition that kafkajs would have chosen.
 */
export class CallRepeater {
  readonly #admin: () => Admin;
  readonly #choose: ReturnType<ICustomPartitioner>;
  readonly #topics = new Map<string, KnownTopic>();

  constructor(
    admin: () => Admin,
    createPartitioner: ICustomPartitioner = kafkajs.Partitioners.DefaultPartitioner,
  ) {
    this.#admin = admin;
    this.#choose = createPartitioner();
  }

  /** Where the calls on a topic go. Rejects while the cluster cannot be asked. */
  async routeOf(topic: string, nowMs: number): Promise<Route> {
    try {
      const place = await this.#placeOf(topic, nowMs);
      if (place !== null) return { kind: "place", place, make: (envelope) => this.#repeat(envelope, place) };
      const text = `There is no topic ${topic} in Kafka. Create it.`;
      return rejected(new WaybillError("UNROUTABLE", text), true);
    } catch (error) {
      const kind = errorKind(error);
      if (kind !== "refused" && !isForbidden(kind)) throw error;
      const text = `Kafka refuses calls on topic ${topic}: ${messageOf(error)}.`;
      return rejected(new WaybillError("BROKER_REFUSED", text, { cause: error }), true);
    }
  }

  /** Drops what is believed: the cluster was away. */
  distrust(): void {
    this.#topics.clear();
  }

  async #placeOf(topic: string, nowMs: number): Promise<CallPlace | null> {
    const known = this.#topics.get(topic);
    if (known !== undefined && nowMs < known.trustedUntil) return known.place;
    const partitionMetadata = await this.#partitionsOf(topic);
    if (partitionMetadata === null) return null;
    const place = {
      kafkaTopic: topic,
      partitions: partitionMetadata.length,
      batchBytesMax: batchBytesMaxOf(await readTopicSettings(this.#admin(), topic)),
      partitionMetadata,
    };
    this.#topics.set(topic, { place, trustedUntil: nowMs + TRUST_MS });
    return place;
  }

  async #partitionsOf(topic: string): Promise<PartitionMetadata[] | null> {
    try {
      const { topics } = await this.#admin().fetchTopicMetadata({ topics: [topic] });
      const partitions = topics.find(({ name }) => name === topic)?.partitions ?? [];
      return partitions.length === 0 ? null : partitions;
    } catch (error) {
      if (protocolErrorOf(error) === "UNKNOWN_TOPIC_OR_PARTITION") return null;
      throw error;
    }
  }

  #repeat(envelope: Envelope, { partitionMetadata }: CallPlace): Made {
    const { id, topic } = envelope;
    try {
      const message = messageOfCall(envelope);
      const partition = this.#choose({ topic, partitionMetadata, message });
      if (!partitionMetadata.some(({ partitionId }) => partitionId === partition)) {
        const text = `Message ${id}: topic ${topic} of Kafka has no partition ${partition}.`;
        return rejected(new WaybillError("UNROUTABLE", text), true);
      }
      const record = { ...message, partition };
      return { kind: "record", record, bytes: bytesOfMessage(record) };
    } catch (cause) {
      const text = `Message ${id} for topic ${topic} cannot be repeated: ${messageOf(cause)}.`;
      return rejected(new WaybillError("CALL_UNSUPPORTED", text, { cause }), false);
    }
  }
}

function rejected(error: WaybillError, retryable: boolean): Made & Route & { readonly kind: "rejected" } {
  return { kind: "rejected", error, retryable };
}
