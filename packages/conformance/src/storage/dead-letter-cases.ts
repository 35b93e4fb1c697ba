import { expect, test } from "vitest";
import { comparable, newDeadLetter, newEnvelope } from "../support/messages.ts";
import type { StorageSuite } from "./storage-bed.ts";
import { rolledBack } from "./storage-bed.ts";

export function deadLetterCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("a dead letter exists if and only if its transaction committed, and comes back whole", async () => {
    const { storage } = await open();
    const position = { incarnation: "6f1c1f0e-7a55-4c8e-9a53-0d6b3c1f2a10", sequence: 3 };
    const letter = newDeadLetter({ envelope: newEnvelope({ position, payload: Uint8Array.of(0, 255) }) });
    await rolledBack(storage, (tx) => storage.deadLetters.bury(tx, newDeadLetter()));
    await storage.transaction((tx) => storage.deadLetters.bury(tx, letter));
    const [dead, ...others] = await storage.deadLetters.list(10);
    if (dead === undefined) throw new Error("no dead letter");
    expect(others).toEqual([]);
    const { envelope, ...rest } = letter;
    expect(dead).toMatchObject(rest);
    expect(comparable(dead.envelope)).toEqual(comparable(envelope));
    expect(dead.diedAt).toBeGreaterThan(0);
  });

  test("the newest dead letters come first, at most as many as asked for", async () => {
    const { storage } = await open();
    const letters = ["first", "second", "third"].map((reason) => newDeadLetter({ reason }));
    for (const letter of letters) await storage.transaction((tx) => storage.deadLetters.bury(tx, letter));
    expect((await storage.deadLetters.list(10)).map(({ reason }) => reason)).toEqual([
      "third",
      "second",
      "first",
    ]);
    expect((await storage.deadLetters.list(2)).map(({ reason }) => reason)).toEqual(["third", "second"]);
    const ids = (await storage.deadLetters.list(10)).map(({ deadLetterId }) => deadLetterId);
    expect(new Set(ids).size).toBe(3);
  });
}
