import { toError } from "../errors/describe-error.ts";
import type { Delivery, Verdict } from "../ports/broker.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventListener } from "../ports/events.ts";
import { pauseMs } from "../retry/pause.ts";
import type { ApplyParts, Work } from "./application.ts";
import { applyMessage, claimRequestOf } from "./apply-message.ts";
import { afterFailure } from "./after-failure.ts";
import { afterStarts } from "./deaths.ts";
import { isStorageTrouble } from "./failure.ts";
import type { Slot } from "./lanes.ts";

/** Gives every delivered message its transaction, and waits out a database that is away. */
export interface MessageRunner {
  /**
   * Resolves to `ack` once the group's decision about the message has committed; to `requeue` only when stopping.
   *
   * @param slot left when nothing but the COMMIT is to be awaited
   */
  deliver(delivery: Delivery, slot?: Slot): Promise<Verdict>;
}

export function messageRunner<Tx>(
  parts: ApplyParts<Tx>,
  clock: Clock,
  emit: EventListener,
  stopping: AbortSignal,
): MessageRunner {
  const { group, storage, isolation, options } = parts;

  async function pause(failures: number, thrown: unknown): Promise<void> {
    const retryInMs = pauseMs(failures, options.pauseMaxMs, parts.random.fraction());
    emit({ type: "consumer.waiting", level: "warn", group, retryInMs, error: toError(thrown) });
    await clock.sleep(retryInMs, stopping);
  }

  async function apply(work: Work, counted: boolean, onCommit?: () => void): Promise<void> {
    const applied = await storage.claimed(
      claimRequestOf(work, parts),
      async (tx, claim) => {
        const settled = await applyMessage(tx, work, claim, parts);
        if (counted) await storage.inbox.forgetStarts(tx, group, work.envelope.id);
        return settled;
      },
      { onCommit },
    );
    emit(applied);
  }

  /** Applies a message, trying again while the process lives. Only what was delivered before has its starts counted. */
  async function deliver({ envelope, redelivered }: Delivery, slot?: Slot): Promise<Verdict> {
    const onCommit = slot === undefined ? undefined : () => slot.leave();
    let work: Work = { envelope, parked: null, failed: 0, decision: null };
    let starts: number | null = redelivered ? null : 0;

    async function attempt(alone: boolean): Promise<boolean> {
      if (starts === null) {
        starts = await storage.inbox.start(group, envelope.id, alone);
        if (starts === null) return false;
        // The first delivery was not counted.
        if (starts > 0) work = afterStarts(work, starts + 1, options.startsMax, group);
      }
      await apply(work, starts > 0, onCommit);
      return true;
    }

    let suspect = false;
    for (let failures = 0; !stopping.aborted;) {
      // The COMMIT of the attempt before failed.
      if (slot?.isHeld === false) await slot.take();
      try {
        const done = suspect
          ? await isolation.alone(() => attempt(true))
          : await isolation.beside(() => attempt(false));
        if (done) return { kind: "ack" };
        suspect = true;
      } catch (thrown) {
        // When even recording a failure failed, only time can help either.
        if (isStorageTrouble(thrown) || work.decision !== null) {
          await pause(failures, thrown);
          failures += 1;
        } else {
          work = afterFailure(thrown, work, parts);
        }
      }
    }
    if (starts !== null && starts > 0) await storage.inbox.unstart(group, envelope.id).catch(() => undefined);
    return { kind: "requeue" };
  }

  return { deliver };
}
