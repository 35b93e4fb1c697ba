import { toError } from "../errors/describe-error.ts";
import type { EventListener } from "../ports/events.ts";
import type { Parked, ParkedStart } from "../ports/parked-store.ts";
import type { Applied, ApplyParts, Work } from "./application.ts";
import { afterFailure } from "./after-failure.ts";
import { applyMessage, claimRequestOf } from "./apply-message.ts";
import { afterStarts } from "./deaths.ts";
import { isStorageTrouble } from "./failure.ts";

const PARKED_RUN_MAX = 500;

/** Runs what a group parked when it is due. */
export interface ParkedRunner {
  /** Runs the group's due parked messages, one after another. Answers how many. */
  runParked(): Promise<number>;
  /** Resolves when the message in work is done. */
  idle(): Promise<void>;
}

export function parkedRunner<Tx>(
  parts: ApplyParts<Tx>,
  emit: EventListener,
  stopping: AbortSignal,
): ParkedRunner {
  const { group, storage, isolation, options } = parts;
  let running: Promise<number> | null = null;
  /** A start that this process survived and that could not be taken back yet. */
  let survived: number | null = null;

  async function apply(tx: Tx, work: Work): Promise<Applied> {
    const claim = await storage.inbox.claim(tx, claimRequestOf(work, parts));
    return applyMessage(tx, work, claim, parts);
  }

  /** `null` when somebody else runs it now. */
  async function run({ parkedId }: ParkedStart, starts: number): Promise<Applied | null> {
    let taken: Parked | null = null;
    const workOf = (parked: Parked): Work =>
      afterStarts(
        { envelope: parked.envelope, parked, failed: parked.attempts, decision: null },
        starts,
        options.startsMax,
        group,
      );
    try {
      return await storage.transaction(async (tx) => {
        taken = await storage.parked.takeDue(tx, group, parkedId);
        return taken === null ? null : apply(tx, workOf(taken));
      });
    } catch (thrown) {
      const parked = taken as Parked | null;
      if (parked === null || isStorageTrouble(thrown)) throw thrown;
      const work = afterFailure(thrown, workOf(parked), parts);
      const decision = work.decision ?? { kind: "later" as const, delayMs: 1_000, error: toError(thrown) };
      return await storage.transaction((tx) => apply(tx, { ...work, decision }));
    }
  }

  /** Runs one due message. Every run is counted first: this process may be the one that does not survive it. */
  async function runOne(alone: boolean): Promise<Applied | "alone" | "taken" | null> {
    if (survived !== null) {
      await storage.parked.unstart(survived);
      survived = null;
    }
    const start = await storage.parked.start(group, alone);
    if (start === null) return null;
    if (start.starts === null) return "alone";
    survived = start.parkedId;
    const applied = await run(start, start.starts);
    if (applied === null) return "taken";
    // What turned out to wait for an earlier one of its key was not run.
    if (applied.type !== "message.parked" || applied.reason !== "behind") survived = null;
    return applied;
  }

  async function runDue(): Promise<number> {
    let ran = 0;
    for (let tries = 0; tries < PARKED_RUN_MAX && !stopping.aborted; tries += 1) {
      let applied = await isolation.beside(() => runOne(false));
      if (applied === "alone") applied = await isolation.alone(() => runOne(true));
      if (applied === null) return ran;
      if (typeof applied === "string") continue;
      ran += 1;
      emit(applied);
    }
    return ran;
  }

  return {
    runParked() {
      running ??= runDue().finally(() => (running = null));
      return running;
    },
    async idle() {
      await running?.catch(() => undefined);
    },
  };
}
