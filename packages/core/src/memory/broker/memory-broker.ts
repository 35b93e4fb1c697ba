import { WaybillError } from "../../errors/waybill-error.ts";
import type { Envelope } from "../../message/envelope.ts";
import type {
  Broker,
  BrokerFeatures,
  BrokerHealth,
  Delivery,
  Fence,
  PublishOptions,
  PublishResult,
  SubscribeOptions,
  Subscription,
  TopicSpec,
  Verdict,
} from "../../ports/broker.ts";
import type { Clock } from "../../ports/clock.ts";
import { systemClock } from "../../system/system-clock.ts";
import { ConsumerGroup } from "./consumer-group.ts";
import { GroupMember } from "./group-member.ts";
import { KnownPositions } from "./known-positions.ts";
import type { MemoryBrokerFaults } from "./memory-broker-faults.ts";
import { PlannedFaults } from "./memory-broker-faults.ts";

const PAYLOAD_BYTES_MAX = 16 * 1024 * 1024;

export interface MemoryBrokerOptions {
  /** Paces what is requeued and the deadline of `close`. */
  readonly clock?: Clock;
  /** Largest payload, default 16 MiB. */
  readonly payloadBytesMax?: number;
}

/** A broker whose messages end with the process. */
export interface MemoryBroker extends Broker {
  /** For tests: how it fails. */
  readonly faults: MemoryBrokerFaults;
}

/**
 * A broker in memory for tests, examples and simulations. It keeps every promise of the port except durability: a
 * confirm means that the message is routed and stored, and what was not applied stays with the group when its
 * subscriptions close.
 */
export function memoryBroker(options: MemoryBrokerOptions = {}): MemoryBroker {
  return new InMemoryBroker(options.clock ?? systemClock, options.payloadBytesMax ?? PAYLOAD_BYTES_MAX);
}

class InMemoryBroker implements MemoryBroker {
  readonly name = "memory";
  readonly features: BrokerFeatures;
  readonly faults: PlannedFaults;
  readonly #clock: Clock;
  readonly #groups = new Map<string, ConsumerGroup>();
  readonly #known = new KnownPositions();
  readonly #epochs = new Map<string, number>();
  #nextOffset = 0;
  #open = false;

  constructor(clock: Clock, payloadBytesMax: number) {
    this.#clock = clock;
    this.features = {
      orderedByKey: true,
      fencing: true,
      prefixAcceptance: true,
      deduplicates: true,
      durable: false,
      payloadBytesMax,
    };
    this.faults = new PlannedFaults({
      down: () => this.#groups.forEach((group) => group.stop()),
      up: () => this.#groups.forEach((group) => group.goOn()),
      cut: () => this.#groups.forEach((group) => group.cut()),
    });
  }

  async open(): Promise<void> {
    if (this.faults.isDown) throw unavailable();
    this.#open = true;
  }

  async declare(_topics: readonly TopicSpec[]): Promise<void> {
    this.#assertUp();
  }

  async declareGroup(group: string, topics: readonly string[]): Promise<void> {
    this.#assertUp();
    this.#group(group).addTopics(topics);
  }

  async fence(fence: Fence): Promise<void> {
    this.#assertUp();
    const refusal = this.#refuseStale(fence);
    if (refusal !== null) throw refusal;
  }

  async publish(batch: readonly Envelope[], options: PublishOptions): Promise<readonly PublishResult[]> {
    if (!this.#open || this.faults.isDown) {
      return batch.map(() => ({ kind: "unknown", error: unavailable() }));
    }
    const error = options.fence === null ? null : this.#refuseStale(options.fence);
    if (error !== null) return batch.map(() => ({ kind: "rejected", error, retryable: false }));
    const refused = new Set<string>();
    return batch.map((envelope) => {
      const lane = JSON.stringify([envelope.source, envelope.topic, envelope.partition]);
      if (refused.has(lane)) return { kind: "held" };
      const result = this.#publishOne(envelope);
      if (result.kind === "rejected") refused.add(lane);
      return result;
    });
  }

  async subscribe(
    options: SubscribeOptions,
    onDelivery: (delivery: Delivery) => Promise<Verdict>,
  ): Promise<Subscription> {
    this.#assertUp();
    const group = this.#group(options.group);
    group.addTopics(options.topics);
    const member = new GroupMember(group, options, onDelivery);
    group.join(member);
    return member;
  }

  async health(): Promise<BrokerHealth> {
    if (this.#open && !this.faults.isDown) return { status: "up", detail: "" };
    return { status: "down", detail: unavailable().message };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#open = false;
    for (const group of this.#groups.values()) group.dismiss();
  }

  #publishOne(envelope: Envelope): PublishResult {
    if (envelope.payload.byteLength > this.features.payloadBytesMax) {
      return { kind: "rejected", error: tooLarge(envelope, this.features.payloadBytesMax), retryable: false };
    }
    const refusal = this.faults.takeRefusal(envelope);
    if (refusal !== null) return { kind: "rejected", ...refusal };
    if (!this.#known.has(envelope)) {
      const groups = [...this.#groups.values()].filter((group) => group.has(envelope.topic));
      if (groups.length === 0) return { kind: "rejected", error: unroutable(envelope), retryable: true };
      this.#store(envelope, groups);
    }
    if (this.faults.takeLostConfirm()) return { kind: "unknown", error: unavailable() };
    return { kind: "confirmed" };
  }

  #store(envelope: Envelope, groups: readonly ConsumerGroup[]): void {
    const own = { ...envelope, headers: { ...envelope.headers }, payload: envelope.payload.slice() };
    this.#known.add(own);
    for (const group of groups) group.push(own, this.#nextOffset);
    this.#nextOffset += 1;
  }

  /** The error for an epoch that is lower than the highest known; that one is remembered. */
  #refuseStale(fence: Fence): WaybillError | null {
    const history = JSON.stringify([fence.source, fence.incarnation]);
    const highest = this.#epochs.get(history) ?? fence.epoch;
    if (fence.epoch < highest) {
      return new WaybillError(
        "BROKER_FENCED",
        `Epoch ${fence.epoch} of ${fence.source} is over: epoch ${highest} has taken its place.`,
      );
    }
    this.#epochs.set(history, fence.epoch);
    return null;
  }

  #group(name: string): ConsumerGroup {
    const group = this.#groups.get(name) ?? new ConsumerGroup(this.#clock);
    this.#groups.set(name, group);
    return group;
  }

  #assertUp(): void {
    if (!this.#open || this.faults.isDown) throw unavailable();
  }
}

function unavailable(): WaybillError {
  return new WaybillError("BROKER_UNAVAILABLE", "The memory broker is not open, or was told to be down.");
}

function tooLarge(envelope: Envelope, bytesMax: number): WaybillError {
  const { byteLength } = envelope.payload;
  return new WaybillError(
    "PAYLOAD_TOO_LARGE",
    `The payload of ${envelope.id} has ${byteLength} bytes, this broker takes ${bytesMax}.`,
  );
}

function unroutable(envelope: Envelope): WaybillError {
  return new WaybillError(
    "UNROUTABLE",
    `No group has the topic ${envelope.topic}: declare one before publishing, or start its consumer.`,
  );
}
