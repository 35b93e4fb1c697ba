import type { Envelope, Fence, PublishOptions, PublishResult } from "@waybill/core";
import { addresseeOf, WaybillError } from "@waybill/core";
import type { Log, RecordSource } from "@waybill/log";
import { GroupQueue } from "../groups/group-queue.ts";
import type { ResolvedNativeBrokerOptions } from "../options/native-broker-options.ts";
import { encodeControl } from "../records/control-record.ts";
import type { PositionVerdict } from "../positions/partition-positions.ts";
import type { BrokerState } from "../state/broker-state.ts";
import { GroupState } from "../state/broker-state.ts";
import { Checkpointer } from "./checkpointer.ts";
import { notify } from "./engine-events.ts";
import { measure, planPublish, refuseAll } from "./publish-plan.ts";

/** The broker over one open log. It is used up when a write failed; opening the directory again makes a new one. */
export class Engine {
  readonly #log: Log;
  readonly #state: BrokerState;
  readonly #options: ResolvedNativeBrokerOptions;
  readonly #groups = new Map<string, GroupQueue>();
  /** Topic to the groups that take it. */
  readonly #routes = new Map<string, GroupQueue[]>();
  readonly #checkpointer: Checkpointer;
  readonly #onFailed: (error: Error) => void;

  constructor(
    log: Log,
    state: BrokerState,
    options: ResolvedNativeBrokerOptions,
    onFailed: (error: Error) => void,
  ) {
    this.#log = log;
    this.#state = state;
    this.#options = options;
    this.#onFailed = onFailed;
    this.#checkpointer = new Checkpointer(log, state, options, (error) =>
      notify(options.onEvent, { type: "broker.checkpoint-failed", level: "warn", error }),
    );
    log.onPoisoned = onFailed;
    for (const group of state.groups.values()) {
      const queue = this.#addGroup(group);
      for (const topic of group.topics.keys()) this.#route(topic, queue);
      void queue.load();
    }
  }

  /** Durable when it resolves. */
  async declareGroup(name: string, topics: readonly string[]): Promise<void> {
    const known = this.#groups.get(name)?.state.topics;
    const missing = [...new Set(topics)].filter((topic) => known?.has(topic) !== true);
    if (missing.length === 0) return this.#log.append([]);
    const from = this.#log.nextOffset;
    const records = missing.map((topic) => ({ kind: "group", group: name, topic, from }) as const);
    await this.#append(records.map(encodeControl));
    for (const record of records) this.#state.apply(record);
    const state = this.#state.groups.get(name) ?? new GroupState(name);
    let queue = this.#groups.get(name);
    if (queue === undefined) {
      queue = this.#addGroup(state);
      void queue.load();
    }
    for (const topic of missing) this.#route(topic, queue);
  }

  group(name: string): GroupQueue | undefined {
    return this.#groups.get(name);
  }

  async fence(fence: Fence): Promise<void> {
    const known = this.#state.fences.epochOf(fence);
    if (fence.epoch < known) throw fenced(fence, known);
    // The same epoch is recorded again: the first record of it may have been refused.
    // From here on lower epochs are refused; what they published before stands before this record in the log.
    this.#state.fences.raise(fence);
    await this.#append([encodeControl({ kind: "fence", ...fence })]);
  }

  async publish(
    batch: readonly Envelope[],
    { fence, timeoutMs }: PublishOptions,
  ): Promise<readonly PublishResult[]> {
    if (batch.length === 0) return [];
    const known = fence === null ? -1 : this.#state.fences.epochOf(fence);
    if (fence !== null && fence.epoch < known) {
      const error = fenced(fence, known);
      return batch.map(() => ({ kind: "rejected", error, retryable: false }));
    }
    if (fence !== null && fence.epoch > known) void this.fence(fence).catch(() => {});
    const { records: candidates, bytes } = measure(batch);
    const refusal = this.#log.refusal(bytes);
    if (refusal !== null && this.#log.failure === null) return refuseAll(batch, refusedForNow(refusal));
    const { results, records } = planPublish(candidates, {
      payloadBytesMax: this.#options.payloadBytesMax,
      hasGroup: (topic) => this.#routes.has(topic),
      position: (envelope) => this.#takePosition(envelope),
      reused: (message, storedId) =>
        notify(this.#options.onEvent, { type: "broker.position-reused", level: "error", message, storedId }),
    });
    const failure = await this.#withinMs(this.#store(records, bytes), timeoutMs);
    if (failure === null) return results;
    return results.map((result) =>
      result.kind === "confirmed" ? { kind: "unknown", error: failure } : result,
    );
  }

  /** Ends every delivery; nothing that is still in flight counts any more. */
  stop(): void {
    for (const group of this.#groups.values()) group.stop();
  }

  /** Makes acknowledgements and a checkpoint durable, and gives the directory free. */
  async close(): Promise<void> {
    this.stop();
    try {
      if (this.#log.failure === null) {
        await Promise.all(Array.from(this.#groups.values(), (group) => group.flushAcks()));
        await this.#checkpointer.settled();
        await this.#checkpointer.write();
      }
    } catch (error) {
      // The log alone is enough to recover from.
      const failure = error instanceof Error ? error : new Error(String(error));
      notify(this.#options.onEvent, { type: "broker.checkpoint-failed", level: "warn", error: failure });
    } finally {
      await this.#checkpointer.settled();
      await this.#log.close();
    }
  }

  get blockedBy(): Error | null {
    return this.#log.refusal(0);
  }

  /** What is known about the message's position; afterwards it counts as stored, unless it was. */
  #takePosition(envelope: Envelope): PositionVerdict {
    const { id, position } = envelope;
    // A copy for one group says nothing about what the others have.
    if (position === null || addresseeOf(envelope) !== null) return { kind: "new" };
    const positions = this.#state.positions.of(envelope, position.incarnation);
    const verdict = positions.check(position.sequence, id);
    if (verdict.kind !== "duplicate") positions.add(position.sequence, id);
    return verdict;
  }

  /** Appends and, once durable, offers the messages to their groups. Continuations run in the order of the log. */
  #store(records: readonly (RecordSource & { readonly envelope: Envelope })[], bytes: number): Promise<void> {
    const firstOffset = this.#log.nextOffset;
    const stored = this.#log.append(records).then(() => {
      if (records.length === 0) return;
      const envelopes = records.map(({ envelope }) => envelope);
      for (const group of this.#groups.values()) group.feed(firstOffset, envelopes);
      this.#checkpointer.appended(bytes);
    });
    // Whatever the reason: the positions of these messages count as stored already. Only a new engine, which reads
    // the log, knows better; going on with this one would confirm a copy of a message that is not there.
    stored.catch((error: unknown) =>
      this.#onFailed(error instanceof Error ? error : new Error(String(error))),
    );
    return stored;
  }

  /** Why it did not happen in time, or `null`. */
  async #withinMs(stored: Promise<void>, timeoutMs: number): Promise<Error | null> {
    const { promise, resolve } = Promise.withResolvers<Error | null>();
    const cancel = this.#options.clock.after(timeoutMs, () =>
      resolve(new WaybillError("BROKER_UNAVAILABLE", `The broker did not confirm within ${timeoutMs} ms.`)),
    );
    stored.then(
      () => resolve(null),
      (cause: unknown) => resolve(unavailable(cause)),
    );
    try {
      return await promise;
    } finally {
      cancel();
    }
  }

  async #append(records: readonly RecordSource[]): Promise<void> {
    try {
      await this.#log.append(records, { urgent: true });
    } catch (cause) {
      throw unavailable(cause);
    }
  }

  #addGroup(state: GroupState): GroupQueue {
    const { clock, windowMessagesMax, windowBytesMax, ackFlushMs } = this.#options;
    const queue = new GroupQueue(state, {
      log: this.#log,
      clock,
      append: (records) => this.#log.append(records, { urgent: true }),
      windowMessagesMax,
      windowBytesMax,
      ackFlushMs,
      onDamage: (error) => this.#onFailed(error instanceof Error ? error : new Error(String(error))),
    });
    this.#groups.set(state.name, queue);
    return queue;
  }

  #route(topic: string, queue: GroupQueue): void {
    const queues = this.#routes.get(topic);
    if (queues === undefined) this.#routes.set(topic, [queue]);
    else if (!queues.includes(queue)) queues.push(queue);
  }
}

export function unavailable(cause: unknown): WaybillError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new WaybillError("BROKER_UNAVAILABLE", `The native broker is down: ${detail} Open it again.`, {
    cause,
  });
}

function refusedForNow(cause: Error): WaybillError {
  return new WaybillError(
    "BROKER_REFUSED",
    `The native broker takes nothing more for now: ${cause.message}`,
    { cause },
  );
}

function fenced(fence: Fence, known: number): WaybillError {
  return new WaybillError(
    "BROKER_FENCED",
    `Epoch ${fence.epoch} of source ${fence.source} may publish nothing more: epoch ${known} took over.`,
  );
}
