import type { Admin, Consumer, EachBatchPayload } from "kafkajs";
import type { SubscribeOptions } from "@waybill/core";
import { notify } from "../events.ts";
import { withBeforeJoin } from "../kafkajs/before-join.ts";
import { disconnect, type KafkaClient } from "../kafkajs/client.ts";
import { fromRecord } from "../message/kafka-message.ts";
import type { ResolvedKafkaBrokerOptions } from "../options/kafka-broker-options.ts";
import { groupOffsets } from "../topology/group-offsets.ts";
import type { Topology } from "../topology/topology.ts";
import { asError } from "../unavailable.ts";
import { Committer } from "./committer.ts";
import { Dispatcher, type DeliveryHandler } from "./dispatcher.ts";
import { Lane } from "./lane.ts";
import { topicAssigner } from "./topic-assigner.ts";

export interface GroupMemberParts {
  readonly client: KafkaClient;
  readonly topology: Topology;
  readonly admin: () => Admin;
  readonly options: ResolvedKafkaBrokerOptions;
  readonly subscription: SubscribeOptions;
  readonly onDelivery: DeliveryHandler;
}

/** A lane that holds more than this has its fetching paused, until half is left. */
const LANE_MESSAGES_MAX = 1_000;
const LANE_BYTES_MAX = 4 * 1024 * 1024;
const LOAD_PAUSE_MS = 100;
/** How long the last commit may take before the member leaves without it. */
const LAST_COMMIT_MS = 2_000;

/**
 * One membership of a consumer group, from joining until it is lost or left. kafkajs only fetches and keeps the
 * membership; what is handed out, what was applied and what is committed is decided here.
 */
export class GroupMember {
  /** Resolves with the reason when the membership ended by itself. */
  readonly lost: Promise<Error>;
  isPaused = false;
  readonly #parts: GroupMemberParts;
  readonly #consumer: Consumer;
  readonly #dispatcher: Dispatcher;
  readonly #committer: Committer;
  readonly #lanes = new Map<string, Lane>();
  readonly #lose: (error: Error) => void;
  #isAssigned = false;
  #isEnding = false;
  #lastContact = 0;
  #partitions = new Map<string, number>();
  #handingOver: Promise<void> | null = null;

  constructor(parts: GroupMemberParts) {
    const { client, topology, options, subscription, onDelivery } = parts;
    const lost = Promise.withResolvers<Error>();
    this.#parts = parts;
    this.lost = lost.promise;
    this.#lose = lost.resolve;
    this.#consumer = client.consumer(topology.kafkaGroup(subscription.group), ({ cluster }) =>
      withBeforeJoin(topicAssigner(cluster), (heartbeat) => this.#handOver(heartbeat)),
    );
    this.#committer = new Committer({
      clock: options.clock,
      commitMs: options.commitMs,
      lanes: () => this.#dispatcher.lanes,
      partitionsOf: (kafkaTopic) => this.#partitions.get(kafkaTopic) ?? 0,
      commit: (commits) => this.#consumer.commitOffsets(commits),
      onCommitted: () => this.#dispatcher.pump(),
      onFailed: (error) => this.#report("kafka.commit-failed", asError(error)),
    });
    this.#dispatcher = new Dispatcher({
      prefetch: subscription.prefetch,
      clock: options.clock,
      onDelivery,
      mayDeliver: () => this.#mayDeliver(),
      onApplied: () => this.#committer.soon(),
      onHorizon: () => this.#committer.now(),
      onRoom: (lane) => this.#resumeFetching(lane),
    });
  }

  /** Resolves when the member has joined its group. */
  async join(): Promise<void> {
    const consumer = this.#consumer;
    const { topology, subscription } = this.#parts;
    const joined = Promise.withResolvers<void>();
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      this.#assign(payload.memberAssignment);
      joined.resolve();
    });
    consumer.on(consumer.events.HEARTBEAT, () => this.#touch());
    consumer.on(consumer.events.CRASH, ({ payload }) => this.#end(asError(payload.error)));
    void this.lost.then((error) => joined.reject(error));
    await consumer.connect();
    await consumer.subscribe({
      topics: subscription.topics.map((topic) => topology.kafkaTopic(topic)),
      fromBeginning: true,
    });
    if (this.#isEnding) throw new Error("the subscription was closed while it joined");
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: (payload) => this.#takeOver(payload),
    });
    await joined.promise;
    if (this.#isEnding) throw new Error("the subscription was closed while it joined");
  }

  pump(): void {
    this.#dispatcher.pump();
  }

  /** Hands out nothing more, waits for what is in flight, records it, and leaves the group. */
  async leave(deadlineMs: number): Promise<void> {
    this.#isEnding = true;
    const { clock } = this.#parts.options;
    await within(this.#dispatcher.idle(), deadlineMs, (ms, action) => clock.after(ms, action));
    if (this.#isAssigned)
      await within(this.#committer.finish(), LAST_COMMIT_MS, (ms, action) => clock.after(ms, action));
    this.#committer.stop();
    this.#dispatcher.release();
    await disconnect(this.#consumer);
  }

  #end(error: Error): void {
    this.#isEnding = true;
    this.#isAssigned = false;
    this.#committer.stop();
    this.#dispatcher.release();
    this.#lose(error);
  }

  /** Nothing is handed out once the group may have given the partitions to another: heartbeats prove that it has not. */
  #mayDeliver(): boolean {
    const { clock, sessionTimeoutMs, heartbeatMs } = this.#parts.options;
    if (!this.#isAssigned || this.#isEnding || this.isPaused) return false;
    return clock.monotonicMs() - this.#lastContact < sessionTimeoutMs - heartbeatMs;
  }

  #touch(): void {
    this.#lastContact = this.#parts.options.clock.monotonicMs();
    this.#dispatcher.pump();
  }

  /** Before a join: what is in flight is finished and recorded, or released. */
  #handOver(heartbeat: () => Promise<void>): Promise<void> {
    this.#handingOver ??= this.#drain(heartbeat).finally(() => (this.#handingOver = null));
    return this.#handingOver;
  }

  async #drain(heartbeat: () => Promise<void>): Promise<void> {
    const { clock, drainMs, heartbeatMs, onEvent } = this.#parts.options;
    const wasAssigned = this.#isAssigned;
    this.#isAssigned = false;
    const until = clock.monotonicMs() + drainMs;
    while (this.#dispatcher.inFlight > 0 && clock.monotonicMs() < until) {
      const ms = Math.min(heartbeatMs, until - clock.monotonicMs());
      await within(this.#dispatcher.idle(), ms, (after, action) => clock.after(after, action));
      // The answer is that the group is rebalancing, which is known.
      if (this.#dispatcher.inFlight > 0) await heartbeat().catch(() => undefined);
    }
    // Waited for to its end: a commit that is tried again in the next generation could undo another member's.
    if (wasAssigned) await this.#committer.finish();
    const deliveries = this.#dispatcher.release();
    if (deliveries > 0) {
      const { group } = this.#parts.subscription;
      notify(onEvent, { type: "kafka.released", level: "warn", group, deliveries });
    }
  }

  #assign(assignment: Readonly<Record<string, number[]>>): void {
    const lanes = Object.entries(assignment).flatMap(([kafkaTopic, partitions]) =>
      partitions.map((partition) => new Lane(kafkaTopic, partition)),
    );
    this.#lanes.clear();
    for (const lane of lanes) this.#lanes.set(`${lane.kafkaTopic}/${lane.partition}`, lane);
    this.#dispatcher.assign(lanes);
    this.#isAssigned = true;
    this.#touch();
    for (const kafkaTopic of Object.keys(assignment)) {
      this.#consumer.resume([{ topic: kafkaTopic }]);
      void this.#loadOffsets(
        kafkaTopic,
        lanes.filter((lane) => lane.kafkaTopic === kafkaTopic),
      );
    }
    const { group } = this.#parts.subscription;
    const { onEvent } = this.#parts.options;
    notify(onEvent, { type: "kafka.assigned", level: "info", group, partitions: lanes.length });
  }

  /** Where the group stands, and what it was perhaps given before. Tried until the assignment is over. */
  async #loadOffsets(kafkaTopic: string, lanes: readonly Lane[]): Promise<void> {
    const { topology, admin, subscription, options } = this.#parts;
    while (lanes.some((lane) => !lane.isReleased)) {
      try {
        const offsets = await groupOffsets(admin(), topology.kafkaGroup(subscription.group), kafkaTopic);
        this.#partitions.set(kafkaTopic, offsets.length);
        for (const lane of lanes) {
          const found = offsets.find(({ partition }) => partition === lane.partition);
          const committed = found?.offset ?? 0;
          lane.begin(committed, Math.max(committed, found?.note?.horizon ?? 0), found?.note?.applied ?? []);
          lane.note = lane.noteFor(offsets.length, lane.horizon);
        }
        this.#dispatcher.pump();
        return;
      } catch (error) {
        this.#report("kafka.commit-failed", asError(error));
        await options.clock.sleep(LOAD_PAUSE_MS);
      }
    }
  }

  async #takeOver(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const lane = this.#lanes.get(`${batch.topic}/${batch.partition}`);
    if (lane === undefined || lane.isReleased) return;
    const { topology, options } = this.#parts;
    const topic = topology.topicOf(batch.topic);
    for (const message of batch.messages) {
      const record = { ...message, topic: batch.topic, partition: batch.partition };
      const { envelope, ignored } = fromRecord(record, topic, options.partitions);
      if (ignored !== null) this.#reportHeaders(record, ignored);
      lane.add(Number(message.offset), envelope);
    }
    payload.resolveOffset(batch.lastOffset());
    if (lane.waitingCount >= LANE_MESSAGES_MAX || lane.waitingBytes >= LANE_BYTES_MAX) {
      lane.isFull = true;
      this.#consumer.pause([{ topic: lane.kafkaTopic, partitions: [lane.partition] }]);
    }
    this.#dispatcher.pump();
  }

  #resumeFetching(lane: Lane): void {
    if (lane.waitingCount > LANE_MESSAGES_MAX / 2 || lane.waitingBytes > LANE_BYTES_MAX / 2) return;
    lane.isFull = false;
    this.#consumer.resume([{ topic: lane.kafkaTopic, partitions: [lane.partition] }]);
  }

  #report(type: "kafka.commit-failed", error: Error): void {
    notify(this.#parts.options.onEvent, {
      type,
      level: "warn",
      group: this.#parts.subscription.group,
      error,
    });
  }

  #reportHeaders(record: { topic: string; partition: number; offset: string }, reason: string): void {
    const { topic, partition, offset } = record;
    const event = { type: "kafka.headers-ignored", level: "warn", topic, partition, offset, reason } as const;
    notify(this.#parts.options.onEvent, event);
  }
}

/** Resolves when `work` has settled or the time is over. */
async function within(
  work: Promise<void>,
  ms: number,
  after: (ms: number, action: () => void) => () => void,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const cancel = after(ms, resolve);
  await Promise.race([work, promise]);
  cancel();
}
