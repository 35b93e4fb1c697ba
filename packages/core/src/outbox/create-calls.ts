import { messageIds } from "../message/message-id.ts";
import { partitionOf } from "../message/partition.ts";
import { SYSTEM_HEADERS } from "../message/wire.ts";
import type { Clock } from "../ports/clock.ts";
import type { NewMessage } from "../ports/outbox-store.ts";
import type { Random } from "../ports/random.ts";
import type { Storage } from "../ports/storage.ts";
import { systemClock } from "../system/system-clock.ts";
import { systemRandom } from "../system/system-random.ts";
import type { AmbientTransaction } from "../transaction/ambient-transaction.ts";
import { SEND_MANY_MAX } from "./create-outbox.ts";

/** A call of another library, which publishes when the adapter of its broker repeats it. */
export interface Call {
  /** What dead letters, metrics and the order of keys name it by. */
  readonly topic: string;
  /** Calls of one topic and key are repeated in their order; `null` when nothing orders it. */
  readonly key: string | null;
  readonly contentType: string;
  readonly payload: Uint8Array;
  /**
   * The name of the library, a space, and the arguments but the payload as its adapter writes and reads them. Only brokers
   * with that library among their `features.calls` are given it.
   */
  readonly call: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Takes calls instead of the library: what `outboxed` of an adapter is made of. */
export interface Calls {
  /**
   * Takes a call: it is repeated if and only if the ambient transaction commits, which records it before it ends, after
   * what was sent otherwise. Answers the message's id. A call that cannot be recorded fails the transaction.
   *
   * @throws WaybillError `NOT_IN_TRANSACTION` outside of an ambient transaction
   */
  take(this: void, call: Call): string;
  /**
   * Resolves when all that was taken in the ambient transaction is recorded in it.
   *
   * @throws WaybillError `NOT_IN_TRANSACTION`, or what the database said
   */
  recorded(this: void): Promise<void>;
}

export interface CallsParts<Tx> {
  readonly source: string;
  readonly storage: Pick<Storage<Tx>, "outbox">;
  readonly ambient: AmbientTransaction<Tx>;
  readonly afterCommit?: () => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Makes the calls of a source. */
export function createCalls<Tx>(parts: CallsParts<Tx>): Calls {
  const { ambient, clock = systemClock, random = systemRandom } = parts;
  const nextId = messageIds(clock, random);
  const owner = {};
  const taken = (): TakenCalls<Tx> => ambient.attach(owner, (tx) => new TakenCalls(parts, tx));
  return {
    take(call) {
      const id = nextId();
      taken().push(id, call);
      return id;
    },
    recorded: async () => taken().finish(),
  };
}

/** What one transaction has taken. */
class TakenCalls<Tx> {
  readonly #parts: CallsParts<Tx>;
  readonly #tx: Tx;
  #waiting: { readonly id: string; readonly call: Call }[] = [];
  /** One statement at a time, in order. */
  #recording: Promise<void> = Promise.resolve();

  constructor(parts: CallsParts<Tx>, tx: Tx) {
    this.#parts = parts;
    this.#tx = tx;
  }

  push(id: string, call: Call): void {
    this.#waiting.push({ id, call });
  }

  /** Records what waits. Once it has failed, it always fails. */
  finish(): Promise<void> {
    this.#recording = this.#recording.then(() => this.#record());
    return this.#recording;
  }

  async #record(): Promise<void> {
    const { source, storage, afterCommit } = this.#parts;
    const { partitions } = await storage.outbox.settings(this.#tx, source);
    while (this.#waiting.length > 0) {
      const messages = this.#waiting
        .splice(0, SEND_MANY_MAX)
        .map((one) => messageOf(one.id, one.call, partitions));
      await storage.outbox.append(this.#tx, messages);
      if (afterCommit !== undefined) storage.outbox.afterCommit(this.#tx, afterCommit);
    }
  }
}

function messageOf(id: string, call: Call, partitions: number): NewMessage {
  const { topic, key, contentType, payload, headers } = call;
  return {
    id,
    topic,
    version: 1,
    key,
    partition: partitionOf(key, id, partitions),
    headers: { ...headers, [SYSTEM_HEADERS.call]: call.call },
    contentType,
    payload,
    deliverAt: null,
    deliverInMs: null,
    expiresAt: null,
  };
}
