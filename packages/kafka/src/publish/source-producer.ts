import type { Producer, Transaction } from "kafkajs";
import type { Clock, Fence } from "@waybill/core";
import { WaybillError } from "@waybill/core";
import { disconnect, type KafkaClient } from "../kafkajs/client.ts";
import { errorKind } from "../kafkajs/error-kind.ts";
import { inTurn } from "../kafkajs/in-turn.ts";
import { patiently } from "../kafkajs/patiently.ts";
import type { EpochRecord } from "./epoch-record.ts";
import { type Outlet, sendAll, type SendOptions } from "./outlet.ts";
import type { Sendable } from "./publish-plan.ts";

interface Session {
  readonly incarnation: string;
  readonly epoch: number;
  readonly producer: Producer;
  /** When its epoch was recorded last. Milliseconds. */
  recordedAt: number;
}

export interface SourceProducerParts {
  readonly client: KafkaClient;
  readonly record: EpochRecord;
  readonly transactionalId: string;
  readonly clock: Clock;
  readonly options: SendOptions;
}

/** Kafka forgets offsets that nobody commits after seven days by default. */
const RECORD_AGAIN_MS = 12 * 60 * 60 * 1000;
/**
 * Publishes for one source under the lease of its relay. Everything goes out in transactions of one transactional id,
 * so that of two processes only the one that took the id last can publish; and it may take the id only when Kafka
 * knows no higher epoch:
 *
 *     read epoch → take the id → read epoch → record own epoch and commit
 *
 * Whoever takes the id first completes what its predecessor had under way, so the second read sees every epoch that
 * was recorded before; and one that is recorded later fails the commit here.
 */
export class SourceProducer {
  readonly #parts: SourceProducerParts;
  /** By incarnation: the highest epoch seen, and whether it was fenced. */
  readonly #seen = new Map<string, { readonly epoch: number; readonly isOver: boolean }>();
  #session: Session | null = null;
  /** A producer has one transaction at a time. */
  readonly #inTurn = inTurn();

  constructor(parts: SourceProducerParts) {
    this.#parts = parts;
  }

  /** From when this resolves nothing is published under a lower epoch. @throws WaybillError `BROKER_FENCED` */
  fence(fence: Fence): Promise<void> {
    return this.#inTurn(async () => {
      await this.#sessionOf(fence);
    });
  }

  outlet(fence: Fence): Outlet {
    const given = new AbortController();
    return {
      send: (sendables) => this.#inTurn(() => this.#send(fence, sendables, given.signal)),
      discard: (error) => {
        given.abort(error);
        void this.close();
      },
    };
  }

  /** Gives up the producer and what is under way: the next one aborts it. */
  async close(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    if (session !== null) await disconnect(session.producer);
  }

  async #send(fence: Fence, sendables: readonly Sendable[], given: AbortSignal): Promise<void> {
    given.throwIfAborted();
    const session = await this.#sessionOf(fence);
    const { record, clock, options } = this.#parts;
    try {
      given.throwIfAborted();
      const transaction = await session.producer.transaction();
      if (clock.monotonicMs() - session.recordedAt > RECORD_AGAIN_MS) {
        await record.write(transaction, fence);
        session.recordedAt = clock.monotonicMs();
      }
      await sendAll(transaction, sendables, options);
      given.throwIfAborted();
      await transaction.commit();
    } catch (error) {
      // After a failed transaction a producer of kafkajs may be wedged, and its sequence numbers wrong.
      if (this.#session === session) void this.close();
      throw this.#failure(fence, error);
    }
  }

  #failure(fence: Fence, error: unknown): unknown {
    if (errorKind(error) !== "fenced") return error;
    this.#see(fence, true);
    return fenced(fence, "another process publishes for the source", error);
  }

  async #sessionOf(fence: Fence): Promise<Session> {
    const seen = this.#seen.get(fence.incarnation);
    if (seen !== undefined && (fence.epoch < seen.epoch || (fence.epoch === seen.epoch && seen.isOver)))
      throw fenced(fence, seen.isOver ? "it was fenced before" : `epoch ${seen.epoch} is known`);
    const session = this.#session;
    if (session?.incarnation === fence.incarnation && session.epoch === fence.epoch) return session;
    await this.close();
    const acquired = await patiently(() => this.#acquire(fence));
    this.#see(fence, false);
    this.#session = acquired;
    return acquired;
  }

  async #acquire(fence: Fence): Promise<Session> {
    const { client, record, transactionalId, clock } = this.#parts;
    this.#assertHighest(fence, await record.read(fence));
    const producer = await client.transactionalProducer(transactionalId);
    try {
      const transaction = await producer.transaction();
      const recorded = await record.read(fence);
      this.#assertHighest(fence, recorded);
      if (recorded < fence.epoch) await record.write(transaction, fence);
      await end(transaction, recorded < fence.epoch);
    } catch (error) {
      void disconnect(producer);
      throw this.#failure(fence, error);
    }
    const { incarnation, epoch } = fence;
    return { incarnation, epoch, producer, recordedAt: clock.monotonicMs() };
  }

  #assertHighest(fence: Fence, recorded: number): void {
    if (recorded <= fence.epoch) return;
    this.#see({ ...fence, epoch: recorded }, false);
    throw fenced(fence, `epoch ${recorded} is known`);
  }

  #see({ incarnation, epoch }: Fence, isOver: boolean): void {
    const seen = this.#seen.get(incarnation);
    if (seen !== undefined && (seen.epoch > epoch || (seen.epoch === epoch && seen.isOver))) return;
    this.#seen.set(incarnation, { epoch, isOver });
  }
}

/** Without records a transaction is known to nobody but its producer, and ending it costs nothing. */
async function end(transaction: Transaction, hasRecords: boolean): Promise<void> {
  if (hasRecords) await transaction.commit();
  else await transaction.abort();
}

function fenced({ source, epoch }: Fence, why: string, cause?: unknown): WaybillError {
  return new WaybillError(
    "BROKER_FENCED",
    `Kafka: nothing more is published for ${source} under epoch ${epoch}: ${why}.`,
    cause === undefined ? {} : { cause },
  );
}
