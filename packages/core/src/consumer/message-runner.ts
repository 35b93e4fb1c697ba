import { toError } from "../errors/describe-error.ts";
import type { Envelope } from "../message/envelope.ts";
import type { Verdict } from "../ports/broker.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventListener } from "../ports/events.ts";
import type { Parked } from "../ports/parked-store.ts";
import { pauseMs } from "../retry/pause.ts";
import { exponential } from "../retry/retry-policy.ts";
import type { Applied, ApplyParts, Work } from "./application.ts";
import { applyMessage } from "./apply-message.ts";
import { deadlineOn, type Deadline } from "./deadline.ts";
import { decide, isStorageTrouble } from "./failure.ts";

const PARKED_RUN_MAX = 500;
const FALLBACK_RETRY = exponential({ firstMs: 1_000, maxMs: 60_000, attempts: 12 });

/** Gives every message its transaction, and waits out a database that is away. */
export interface MessageRunner {
  /** Aborts when `stop` is called. */
  readonly stopping: AbortSignal;
  /** Resolves to `ack` once the group's decision about the message has committed; to `requeue` only when stopping. */
  deliver(envelope: Envelope): Promise<Verdict>;
  /** Runs the group's due parked messages. Answers how many. */
  runParked(): Promise<number>;
  /** No new attempt starts. Resolves when parked messages in work are done. */
  stop(): Promise<void>;
}

export function messageRunner<Tx>(parts: ApplyParts<Tx>, clock: Clock, emit: EventListener): MessageRunner {
  const { group, storage } = parts;
  const stopping = new AbortController();
  let running: Promise<number> | null = null;

  function inTransaction<T>(work: (tx: Tx, deadline: Deadline) => Promise<T>): Promise<T> {
    const deadline = deadlineOn(clock);
    return storage.transaction((tx) => work(tx, deadline), { signal: deadline.signal });
  }

  /** What follows when not the handler but its whole transaction failed, at COMMIT for instance. */
  function afterFailure(thrown: unknown, work: Work): Work {
    const failed = work.failed + 1;
    const retry = parts.registrations.get(work.envelope.topic)?.retry ?? FALLBACK_RETRY;
    const decision = decide(thrown, failed, retry, parts.random.fraction());
    return { ...work, failed, decision: decision.kind === "again" ? null : decision };
  }

  async function pause(failures: number, thrown: unknown): Promise<void> {
    const retryInMs = pauseMs(failures, parts.options.pauseMaxMs, parts.random.fraction());
    emit({ type: "consumer.waiting", level: "warn", group, retryInMs, error: toError(thrown) });
    await clock.sleep(retryInMs, stopping.signal);
  }

  async function deliver(envelope: Envelope): Promise<Verdict> {
    let work: Work = { envelope, parked: null, failed: 0, decision: null };
    for (let failures = 0; !stopping.signal.aborted;) {
      const current = work;
      try {
        emit(await inTransaction((tx, deadline) => applyMessage(tx, current, parts, deadline)));
        return { kind: "ack" };
      } catch (thrown) {
        // When even recording a failure failed, only time can help either.
        if (isStorageTrouble(thrown) || current.decision !== null) {
          await pause(failures, thrown);
          failures += 1;
        } else {
          work = afterFailure(thrown, current);
        }
      }
    }
    return { kind: "requeue" };
  }

  /** Runs one due message; `null` when none is due. */
  async function runOneParked(): Promise<Applied | null> {
    let taken: Parked | null = null;
    try {
      return await inTransaction(async (tx, deadline) => {
        taken = await storage.parked.takeDue(tx, group);
        return taken === null ? null : applyMessage(tx, workOf(taken), parts, deadline);
      });
    } catch (thrown) {
      const parked = taken as Parked | null;
      if (parked === null || isStorageTrouble(thrown)) throw thrown;
      const work = afterFailure(thrown, workOf(parked));
      const decision = work.decision ?? { kind: "later" as const, delayMs: 1_000, error: toError(thrown) };
      return await inTransaction((tx, deadline) => applyMessage(tx, { ...work, decision }, parts, deadline));
    }
  }

  async function runDue(): Promise<number> {
    for (let ran = 0; ran < PARKED_RUN_MAX; ran += 1) {
      if (stopping.signal.aborted) return ran;
      const applied = await runOneParked();
      if (applied === null) return ran;
      emit(applied);
    }
    return PARKED_RUN_MAX;
  }

  return {
    stopping: stopping.signal,
    deliver,
    runParked() {
      running ??= runDue().finally(() => (running = null));
      return running;
    },
    async stop() {
      stopping.abort();
      await running?.catch(() => undefined);
    },
  };
}

function workOf(parked: Parked): Work {
  return { envelope: parked.envelope, parked, failed: parked.attempts, decision: null };
}
