import { expect, test } from "vitest";
import { newEnvelope } from "../support/messages.ts";
import { waitUntil } from "../support/wait-until.ts";
import { claim, claimOf, positioned } from "./claim-cases.ts";
import type { StorageBed, StorageSuite } from "./storage-bed.ts";
import { hold } from "./storage-bed.ts";

/** Folds everything that can be folded, until `count` records were. */
async function foldAll<Tx>(bed: StorageBed<Tx>, count: number): Promise<void> {
  let folded = 0;
  bed.advance?.(10);
  await waitUntil(`${count} folded records`, async () => {
    folded += await bed.storage.inbox.fold(0, 1_000);
    return folded >= count;
  });
  expect(folded).toBe(count);
}

export function foldCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("what was folded is still a duplicate, and a gap is still to be applied", async () => {
    const bed = await open();
    const { storage } = bed;
    const at = positioned();
    const applied = [0, 1, 2, 5, 9].map((sequence) => at(sequence));
    for (const envelope of applied) expect(await claim(storage, claimOf(envelope))).toBe("claimed");
    await foldAll(bed, applied.length);
    for (const envelope of applied) expect(await claim(storage, claimOf(envelope))).toBe("duplicate");
    for (const sequence of [3, 4, 6, 10]) expect(await claim(storage, claimOf(at(sequence)))).toBe("claimed");
    await foldAll(bed, 4);
    for (const sequence of [0, 3, 4, 5, 6, 9, 10]) {
      expect(await claim(storage, claimOf(at(sequence)))).toBe("duplicate");
    }
    expect(await claim(storage, claimOf(at(7)))).toBe("claimed");
  });

  test("folding one history, partition or group covers no other", async () => {
    const bed = await open();
    const { storage } = bed;
    const at = positioned();
    const envelope = at(0, { partition: 1 });
    await claim(storage, claimOf(envelope));
    await foldAll(bed, 1);
    expect(await claim(storage, claimOf(at(0, { partition: 2 })))).toBe("claimed");
    expect(await claim(storage, claimOf(at(0, { partition: 1, topic: "thing.ended" })))).toBe("claimed");
    expect(await claim(storage, claimOf(at(0, { partition: 1, source: "another" })))).toBe("claimed");
    expect(await claim(storage, claimOf(positioned()(0, { partition: 1 })))).toBe("claimed");
    expect(await claim(storage, claimOf(envelope, { group: "shipping" }))).toBe("claimed");
  });

  test("young records are left alone, and no more are folded than asked for", async () => {
    const bed = await open();
    const { storage } = bed;
    const at = positioned();
    for (const sequence of [0, 1, 2]) await claim(storage, claimOf(at(sequence)));
    expect(await storage.inbox.fold(3_600_000, 100)).toBe(0);
    bed.advance?.(10);
    const counts: number[] = [];
    await waitUntil("all records folded", async () => {
      counts.push(await storage.inbox.fold(0, 2));
      return counts.reduce((sum, count) => sum + count, 0) === 3;
    });
    expect(Math.max(...counts)).toBeLessThanOrEqual(2);
  });

  test("a record without a position is not forgotten by folding", async () => {
    const bed = await open();
    const { storage } = bed;
    const envelope = newEnvelope();
    await claim(storage, claimOf(envelope));
    await claim(storage, claimOf(positioned()(0)));
    await foldAll(bed, 1);
    expect(await claim(storage, claimOf(envelope))).toBe("duplicate");
  });

  test("a claim that has not committed is not folded", async () => {
    const bed = await open();
    const { storage } = bed;
    const envelope = positioned()(0);
    const running = await hold(storage);
    await storage.inbox.claim(running.tx, claimOf(envelope));
    bed.advance?.(10);
    expect(await storage.inbox.fold(0, 100)).toBe(0);
    await running.rollback();
    expect(await claim(storage, claimOf(envelope))).toBe("claimed");
  });

  test("copies that race with folding are never claimed twice", async () => {
    const bed = await open();
    const { storage } = bed;
    const at = positioned();
    const envelopes = Array.from({ length: 30 }, (_, sequence) => at(sequence));
    let claimed = 0;
    let racing = true;
    const folding = waitUntil("the race to end", async () => {
      bed.advance?.(1);
      await storage.inbox.fold(0, 5);
      return !racing;
    });
    const consume = async (): Promise<void> => {
      for (const envelope of envelopes) {
        if ((await claim(storage, claimOf(envelope))) === "claimed") claimed += 1;
      }
    };
    await Promise.all([consume(), consume(), consume()]);
    racing = false;
    await folding;
    expect(claimed).toBe(envelopes.length);
  });
}
