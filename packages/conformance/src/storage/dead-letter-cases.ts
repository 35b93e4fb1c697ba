import type { DeadLetter, DeadLetterFilter, NewDeadLetter, Storage } from "@waybill/core";
import { OUTGOING } from "@waybill/core";
import { expect, test } from "vitest";
import { comparable, newDeadLetter, newEnvelope } from "../support/messages.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { rolledBack } from "./storage-bed.ts";

/** Buries messages, one transaction each. */
export async function buryAll<Tx>(storage: Storage<Tx>, ...letters: NewDeadLetter[]): Promise<void> {
  for (const letter of letters) await storage.transaction((tx) => storage.deadLetters.bury(tx, letter));
}

/** The one letter that there is. */
export async function onlyLetter<Tx>(storage: Storage<Tx>): Promise<DeadLetter> {
  const [letter, ...others] = await storage.deadLetters.list(10);
  if (letter === undefined || others.length > 0) throw new Error("expected one dead letter");
  return letter;
}

const fingerprints = ["aaaaaaaaaaaa", "bbbbbbbbbbbb"] as const;

export function deadLetterCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("a dead letter exists if and only if its transaction committed, and comes back whole", async () => {
    const { storage } = await open();
    const position = { incarnation: "6f1c1f0e-7a55-4c8e-9a53-0d6b3c1f2a10", sequence: 3 };
    const envelope = newEnvelope({ position, payload: Uint8Array.of(0, 255), headers: { h: "é" } });
    const letter = newDeadLetter({ envelope, failingSince: 1_700_000_000_000, order: "parking" });
    await rolledBack(storage, (tx) => storage.deadLetters.bury(tx, newDeadLetter()));
    await buryAll(storage, letter);
    const dead = await onlyLetter(storage);
    const { envelope: _envelope, ...rest } = letter;
    expect(dead).toMatchObject({
      ...rest,
      state: "dead",
      delivery: 0,
      deaths: 1,
      attemptsTotal: letter.attempts,
      giveUpError: null,
    });
    expect(comparable(dead.envelope)).toEqual(comparable(envelope));
    expect(dead.diedAt).toBeGreaterThan(0);
  });

  test("one that never failed before has been failing since it died", async () => {
    const { storage } = await open();
    await buryAll(storage, newDeadLetter());
    const { failingSince, diedAt } = await onlyLetter(storage);
    expect(Math.abs(failingSince - diedAt)).toBeLessThan(1_000);
  });

  test("a message that dies again is the same letter, counted once more", async () => {
    const { storage } = await open();
    const first = newDeadLetter({ attempts: 12, failingSince: 1_700_000_000_000 });
    await buryAll(storage, first, newDeadLetter({ envelope: first.envelope, group: "shipping" }));
    const { deadLetterId, diedAt } = (await storage.deadLetters.list(1, { group: "billing" }))[0] ?? {};
    const again = { attempts: 3, reason: "Other", error: "Other: worse", fingerprint: fingerprints[1] };
    await buryAll(storage, { ...first, ...again, failingSince: null, answered: true });
    const [letter, ...others] = await storage.deadLetters.list(10, { group: "billing" });
    expect(others).toEqual([]);
    expect(letter).toMatchObject({ ...again, deadLetterId, answered: true, deaths: 2, attemptsTotal: 15 });
    expect(letter?.failingSince).toBe(1_700_000_000_000);
    expect(letter?.diedAt).toBeGreaterThanOrEqual(diedAt ?? Number.NaN);
    expect(await storage.deadLetters.list(10, { group: "shipping" })).toMatchObject([{ deaths: 1 }]);
  });

  test("the newest come first, page by page, and only those that are asked for", async () => {
    const { storage } = await open();
    const topic = "thing.ended";
    await buryAll(
      storage,
      newDeadLetter({ reason: "1" }),
      newDeadLetter({ reason: "2", group: OUTGOING }),
      newDeadLetter({ reason: "3", fingerprint: fingerprints[0] }),
      newDeadLetter({ reason: "4", envelope: newEnvelope({ topic }) }),
      newDeadLetter({ reason: "5", answered: true }),
    );
    const listed = async (limit: number, filter?: DeadLetterFilter, before?: number): Promise<string> => {
      const letters = await storage.deadLetters.list(limit, filter, before);
      return letters.map(({ reason }) => reason).join("");
    };
    expect(await listed(10)).toBe("54321");
    const [, second] = await storage.deadLetters.list(2);
    expect(await listed(2, {}, second?.deadLetterId)).toBe("32");
    expect(await listed(10, { group: OUTGOING })).toBe("2");
    expect(await listed(10, { fingerprint: fingerprints[0] })).toBe("3");
    expect(await listed(10, { topic, group: "billing" })).toBe("4");
    expect(await listed(10, { answered: true })).toBe("5");
    expect(await listed(10, { states: ["dead"], answered: false })).toBe("4321");
    expect(await listed(10, { states: ["retrying", "discarded"] })).toBe("");
    expect(await listed(10, { id: second?.deadLetterId ?? -1 })).toBe("4");
  });

  test("equal failures are counted together, the most frequent first, with the newest as example", async () => {
    const { storage } = await open();
    const [often, once] = fingerprints;
    const old = newDeadLetter({ fingerprint: often, failingSince: 1_600_000_000_000 });
    const newest = newDeadLetter({ fingerprint: often, reason: "newest" });
    await buryAll(storage, old, newDeadLetter({ fingerprint: once, group: "shipping" }), newest);
    const groups = await storage.deadLetters.groups(100);
    expect(groups).toMatchObject([
      {
        fingerprint: often,
        count: 2,
        group: "billing",
        topic: "thing.happened",
        failingSince: 1_600_000_000_000,
        example: { messageId: newest.envelope.id, key: "k", reason: "newest", error: newest.error },
      },
      { fingerprint: once, count: 1, group: "shipping" },
    ]);
    expect(await storage.deadLetters.groups(1)).toMatchObject([{ fingerprint: often, count: 1 }]);
  });

  test("whether a failure was answered is known per group and message", async () => {
    const { storage } = await open();
    const [open1, answered] = [newDeadLetter(), newDeadLetter({ answered: true })];
    await buryAll(storage, open1, answered);
    await storage.transaction(async (tx) => {
      expect(await storage.deadLetters.wasAnswered(tx, "billing", answered.envelope.id)).toBe(true);
      expect(await storage.deadLetters.wasAnswered(tx, "shipping", answered.envelope.id)).toBe(false);
      expect(await storage.deadLetters.wasAnswered(tx, "billing", open1.envelope.id)).toBe(false);
      expect(await storage.deadLetters.wasAnswered(tx, "billing", newEnvelope().id)).toBe(false);
    });
  });
}
