import { OUTGOING, type DueGiveUp, type NewDeadLetter, type Storage } from "@waybill/core";
import { expect, test } from "vitest";
import { newDeadLetter, newEnvelope } from "../support/messages.ts";
import { buryAll, onlyLetter } from "./dead-letter-cases.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { hold, later, rolledBack } from "./storage-bed.ts";

const TOPIC = "thing.happened";

const unsent = (topic = TOPIC): NewDeadLetter =>
  newDeadLetter({ group: OUTGOING, envelope: newEnvelope({ topic }) });

function take<Tx>(
  storage: Storage<Tx>,
  work: (tx: Tx, due: DueGiveUp) => Promise<void> = () => Promise.resolve(),
): Promise<DueGiveUp | null> {
  return storage.transaction(async (tx) => {
    const due = await storage.deadLetters.takeGiveUp(tx, TOPIC);
    if (due !== null) await work(tx, due);
    return due;
  });
}

export function giveUpCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("only dead outgoing messages of the topic are to be answered, each until it was", async () => {
    const { storage } = await open();
    await buryAll(storage, newDeadLetter(), unsent("thing.ended"));
    expect(await take(storage)).toBeNull();
    const letter = unsent();
    await buryAll(storage, letter);
    await rolledBack(storage, async (tx) => {
      const due = await storage.deadLetters.takeGiveUp(tx, TOPIC);
      await storage.deadLetters.gaveUp(tx, due?.letter.deadLetterId ?? -1);
    });
    const due = await take(storage, (tx, one) => storage.deadLetters.gaveUp(tx, one.letter.deadLetterId));
    expect(due).toMatchObject({ attempts: 0, letter: { envelope: { id: letter.envelope.id } } });
    expect(await take(storage)).toBeNull();
    expect(await storage.deadLetters.list(10, { answered: true })).toHaveLength(1);
    await buryAll(storage, letter);
    expect(await take(storage)).toBeNull();
  });

  test("a letter that is being answered is not given to another process, nor retried meanwhile", async () => {
    const { storage } = await open();
    await buryAll(storage, unsent());
    const running = await hold(storage);
    const due = await storage.deadLetters.takeGiveUp(running.tx, TOPIC);
    expect(due).not.toBeNull();
    expect(await take(storage)).toBeNull();
    const { now, chosen } = await storage.deadLetters.choose({}, 10);
    const retrying = storage.transaction((tx) =>
      storage.deadLetters.retry(
        tx,
        chosen.map((one) => ({ ...one, dueAt: now })),
        { by: "ada", reason: null, answeredToo: false },
      ),
    );
    await storage.deadLetters.gaveUp(running.tx, due?.letter.deadLetterId ?? -1);
    await running.commit();
    expect(await retrying).toEqual([]);
    expect(await onlyLetter(storage)).toMatchObject({ state: "dead", answered: true });
  });

  test("a handler that failed runs again when it is due, and never when its attempts are used up", async () => {
    const bed = await open();
    const { storage } = bed;
    await buryAll(storage, unsent());
    const fail = (attempts: number, dueInMs: number | null) =>
      take(storage, (tx, { letter }) =>
        storage.deadLetters.giveUpAgain(tx, letter.deadLetterId, {
          attempts,
          dueInMs,
          error: "ledger locked",
        }),
      );
    expect(await fail(1, 60)).not.toBeNull();
    expect(await take(storage)).toBeNull();
    expect(await onlyLetter(storage)).toMatchObject({ answered: false, giveUpError: "ledger locked" });
    const again = await later(bed, 60, "the handler to be due again", () => fail(2, null));
    expect(again.attempts).toBe(1);
    expect(await take(storage)).toBeNull();
  });

  test("what was retried or discarded is not answered", async () => {
    const { storage } = await open();
    await buryAll(storage, unsent(), unsent());
    const { now, chosen } = await storage.deadLetters.choose({}, 10);
    const [first, second] = chosen.map((one) => ({ ...one, dueAt: now }));
    if (first === undefined || second === undefined) throw new Error("expected two letters");
    const act = { by: "ada", reason: "x", answeredToo: false };
    await storage.transaction((tx) => storage.deadLetters.retry(tx, [first], act));
    await storage.transaction((tx) => storage.deadLetters.discard(tx, [second], act));
    expect(await take(storage)).toBeNull();
  });
}
