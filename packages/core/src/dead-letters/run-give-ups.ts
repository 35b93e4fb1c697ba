import { describeError } from "../errors/describe-error.ts";
import { isWaybillError } from "../errors/waybill-error.ts";
import type { Outbox } from "../outbox/create-outbox.ts";
import type { DueGiveUp } from "../ports/dead-letter-store.ts";
import type { Random } from "../ports/random.ts";
import type { Storage } from "../ports/storage.ts";
import { exponential } from "../retry/retry-policy.ts";
import { answerGiveUp, type GiveUpRegistration } from "./on-give-up.ts";

const RUN_MAX = 500;

/** Nobody else will answer, so it is tried until it succeeds. */
export const GIVE_UP_RETRY = exponential({
  firstMs: 1_000,
  maxMs: 60_000,
  attempts: Number.MAX_SAFE_INTEGER,
  immediate: 0,
});

export interface GiveUpParts<Tx> {
  readonly storage: Pick<Storage<Tx>, "deadLetters" | "transaction" | "savepoint">;
  readonly outbox: Outbox<Tx>;
  readonly registration: GiveUpRegistration<Tx>;
  readonly random: Random;
}

/**
 * Runs the topic's `onGiveUp` handler for its dead outgoing messages that are due, each in a transaction of its own that
 * locks the letter and marks it answered: the effects happen once, in whichever process. Answers how many it tried.
 */
export async function runGiveUps<Tx>(parts: GiveUpParts<Tx>): Promise<number> {
  const { storage, registration } = parts;
  for (let tried = 0; tried < RUN_MAX; tried += 1) {
    const found = await storage.transaction(async (tx) => {
      const due = await storage.deadLetters.takeGiveUp(tx, registration.topic.name);
      if (due !== null) await answer(tx, due, parts);
      return due !== null;
    });
    if (!found) return tried;
  }
  return RUN_MAX;
}

async function answer<Tx>(tx: Tx, { letter, attempts }: DueGiveUp, parts: GiveUpParts<Tx>): Promise<void> {
  const { storage, outbox, registration, random } = parts;
  const { deadLetterId } = letter;
  const attempt = attempts + 1;
  try {
    await storage.savepoint(tx, (inner) => answerGiveUp(inner, letter, attempt, registration, outbox));
  } catch (thrown) {
    if (isWaybillError(thrown, "STORAGE_UNAVAILABLE") || isWaybillError(thrown, "COMMIT_UNKNOWN"))
      throw thrown;
    const dueInMs = registration.retry.delayMs(attempt, random.fraction());
    const error = describeError(thrown);
    return storage.deadLetters.giveUpAgain(tx, deadLetterId, { attempts: attempt, dueInMs, error });
  }
  await storage.deadLetters.gaveUp(tx, deadLetterId);
}
