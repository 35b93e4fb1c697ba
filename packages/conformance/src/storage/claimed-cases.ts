import type { Storage } from "@waybill/core";
import { expect, test } from "vitest";
import { newEnvelope, newParked } from "../support/messages.ts";
import { staysPending } from "../support/wait-until.ts";
import { claim, claimOf, GROUP } from "./claim-cases.ts";
import { parkAll } from "./parked-cases.ts";
import type { StorageSuite } from "./storage-bed.ts";

const parkedIds = async <Tx>(storage: Storage<Tx>): Promise<readonly number[]> =>
  (await storage.parked.count(10)).map(({ count }) => count);

export function claimedCases<Tx>({ open }: StorageSuite<Tx>): void {
  test("a transaction that begins with a claim gets its answer, and the claim stands or falls with it", async () => {
    const { storage } = await open();
    // More than once, because a connection knows the statements from the second time on.
    for (let round = 0; round < 3; round += 1) {
      const request = claimOf(newEnvelope());
      const undone = storage.claimed(request, (_tx, answer) =>
        Promise.reject(new Error(`${answer}, and undone`)),
      );
      await expect(undone).rejects.toThrow("claimed, and undone");
      expect(await storage.claimed(request, (_tx, answer) => Promise.resolve(answer))).toBe("claimed");
      expect(await storage.claimed(request, (_tx, answer) => Promise.resolve(answer))).toBe("duplicate");
      expect(await claim(storage, request)).toBe("duplicate");
    }
  });

  test("it answers what a claim answers of parked messages and those behind them", async () => {
    const { storage } = await open();
    const head = newEnvelope({ key: "held" });
    await parkAll(storage, newParked({ group: GROUP, envelope: head }));
    for (let round = 0; round < 3; round += 1) {
      const answers = [head, newEnvelope({ key: "held" }), newEnvelope({ key: "free" })].map((envelope) =>
        storage.claimed(claimOf(envelope, { ordered: true }), (_tx, answer) => Promise.resolve(answer)),
      );
      expect(await Promise.all(answers)).toEqual(["parked", "behind", "claimed"]);
    }
  });

  test("what is undone to a savepoint takes neither the claim nor its lock along, and the next savepoint works as well", async () => {
    const { storage } = await open();
    for (let round = 0; round < 3; round += 1) {
      const first = newEnvelope({ key: "one" });
      const tries: string[] = [];
      let waiting: Promise<string> | undefined;
      await storage.claimed(claimOf(first, { ordered: true }), async (tx) => {
        for (const attempt of ["one", "two"]) {
          const failed = storage.savepoint(tx, async (inner) => {
            await storage.parked.park(inner, newParked({ group: GROUP }));
            throw new Error(attempt);
          });
          await failed.catch((error: Error) => tries.push(error.message));
        }
        const second = claim(storage, claimOf(newEnvelope({ key: "one" }), { ordered: true }));
        await staysPending(second);
        await storage.savepoint(tx, async (inner) => {
          await storage.parked.park(inner, newParked({ group: "kept", envelope: newEnvelope() }));
        });
        await expect(
          storage.savepoint(tx, () => Promise.reject(new Error("after one that was kept"))),
        ).rejects.toThrow("after one that was kept");
        waiting = second;
      });
      expect(await waiting).toBe("claimed");
      expect(tries).toEqual(["one", "two"]);
      expect(await claim(storage, claimOf(first))).toBe("duplicate");
      expect(await parkedIds(storage)).toEqual([round + 1]);
    }
  });

  test("when the signal aborts, the claim is given up with its transaction", async () => {
    const { storage } = await open();
    const request = claimOf(newEnvelope());
    const controller = new AbortController();
    const hanging = storage.claimed(
      request,
      async () => {
        controller.abort(new Error("too slow"));
        await new Promise(() => undefined);
      },
      { signal: controller.signal },
    );
    await expect(hanging).rejects.toThrow("too slow");
    expect(await claim(storage, request)).toBe("claimed");
  });

  test("when the signal of a savepoint aborts, it is undone, and its transaction goes on with the lock of the key", async () => {
    const { storage } = await open();
    // Each time on another connection, and with what a transaction remembers of the one before.
    for (let round = 0; round < 3; round += 1) {
      const first = newEnvelope({ key: `late ${round}` });
      let zombie: Promise<unknown> | undefined;
      let second: Promise<string> | undefined;
      await storage.claimed(claimOf(first, { ordered: true }), async (tx) => {
        const controller = new AbortController();
        const late = storage.savepoint(
          tx,
          async (inner) => {
            await storage.parked.park(inner, newParked({ group: "undone" }));
            controller.abort(new Error("too slow"));
            await new Promise<void>((resolve) => setImmediate(resolve));
            zombie = storage.parked.park(inner, newParked({ group: "zombie" }));
            zombie.catch(() => undefined);
            await new Promise(() => undefined);
          },
          { signal: controller.signal },
        );
        await expect(late).rejects.toThrow("too slow");
        second = claim(storage, claimOf(newEnvelope({ key: `late ${round}` }), { ordered: true }));
        expect(await staysPending(second)).toBe(true);
        await storage.inbox.unclaim(tx, GROUP, first.id);
        await storage.parked.park(tx, newParked({ group: GROUP, envelope: first }));
      });
      await expect(zombie).rejects.toMatchObject({ code: "NOT_IN_TRANSACTION" });
      expect(await second).toBe("behind");
      expect(await parkedIds(storage)).toEqual([round + 1]);
    }
  });

  test("after the signal of a savepoint aborted, the next savepoint of the transaction works as the first did", async () => {
    const { storage } = await open();
    const request = claimOf(newEnvelope());
    await storage.claimed(request, async (tx) => {
      for (let round = 0; round < 2; round += 1) {
        const late = storage.savepoint(tx, () => new Promise(() => undefined), {
          signal: AbortSignal.timeout(5),
        });
        await expect(late).rejects.toMatchObject({ name: "TimeoutError" });
      }
      const { signal } = new AbortController();
      await storage.savepoint(tx, (inner) => storage.parked.park(inner, newParked({ group: GROUP })), {
        signal,
      });
    });
    expect(await parkedIds(storage)).toEqual([1]);
    expect(await claim(storage, request)).toBe("duplicate");
  });
}
