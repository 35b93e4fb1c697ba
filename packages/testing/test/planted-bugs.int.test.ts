import {
  memoryBroker,
  type Broker,
  type MemoryStorage,
  type MemoryTransaction,
  type Waybill,
} from "@waybill/core";
import { crashEverywhere, createTestBed, type CrashReport } from "@waybill/testing";
import { describe, expect, test } from "vitest";
import { correctFlow, place } from "./support/orders.ts";
import {
  acksBeforeCommit,
  brokerOf,
  effectInItsOwnTransaction,
  effectOutside,
  forgetsConfirmed,
  recordsAfterCommit,
  recordsBeforeEffects,
  recordsNothing,
  remembersInMemory,
  settlesBeforePublishing,
  site,
} from "./support/planted-bugs.ts";

type Setup = (waybill: Waybill<MemoryTransaction>) => void;

const KEYS = ["available", "mails", "total", "charges", "charged"];

/** Two orders, on parts of which one may be wrong. */
function crashes(parts: {
  readonly setup?: (database: MemoryStorage) => Setup;
  readonly storage?: (database: MemoryStorage) => MemoryStorage;
  readonly broker?: (broker: Broker) => Broker;
}): Promise<CrashReport> {
  const { storage = (database) => database, broker = (right) => right } = parts;
  let own = site();
  return crashEverywhere({
    bed() {
      own = site();
      const right = brokerOf(own);
      return createTestBed({
        setup: parts.setup?.(own.database) ?? correctFlow,
        clock: own.clock,
        storage: () => storage(own.database),
        broker: () => broker(right),
        patienceMs: 20,
      });
    },
    async scenario(bed) {
      await place(bed, "a", 2);
      await bed.settle();
      await place(bed, "b");
    },
    effects: () => KEYS.map((key) => own.database.committed(key)),
  });
}

describe("a kill at every await finds", { timeout: 60_000 }, () => {
  test("nothing where nothing is wrong", async () => {
    const report = await crashes({});
    expect(report.crashes).toBe(report.points);
  });

  test("an effect outside of the transaction", async () => {
    const outside = { charged: 0 };
    const proof = crashEverywhere({
      bed() {
        outside.charged = 0;
        return createTestBed({ setup: effectOutside(outside) });
      },
      scenario: async (bed) => void (await place(bed, "a")),
      effects: () => ({ charged: outside.charged }),
    });
    await expect(proof).rejects.toMatchObject({
      name: "AssertionError",
      expected: { charged: 1 },
      actual: { charged: 2 },
      message:
        "A kill at the await of transaction.set, time 1, before it was done, changes what was effected: " +
        '{"charged":2} instead of {"charged":1}. Alone: bed.crashAt("transaction.set:before#1")',
    });
  });

  test("an effect in a transaction of its own", async () => {
    const proof = crashes({ setup: effectInItsOwnTransaction });
    await expect(proof).rejects.toThrow(/changes what was effected/);
  });

  test("a handler that counts in memory", async () => {
    await expect(crashes({ setup: remembersInMemory })).rejects.toThrow(/changes what was effected/);
  });

  test("an acknowledgement before the commit", async () => {
    await expect(crashes({ broker: acksBeforeCommit })).rejects.toThrow(
      /is not recovered from: settle: the broker confirmed order\.placed .* group stock never acknowledged/,
    );
  });

  test("a broker that forgets what it confirmed", async () => {
    await expect(crashes({ broker: forgetsConfirmed })).rejects.toThrow(
      /the broker confirmed .* never acknowledged it/,
    );
  });

  test("a storage that commits effects before their inbox record", async () => {
    await expect(crashes({ storage: recordsAfterCommit })).rejects.toThrow(/changes what was effected/);
  });

  test("a storage that commits the inbox record before the effects", async () => {
    await expect(crashes({ storage: recordsBeforeEffects })).rejects.toThrow(/changes what was effected/);
  });

  test("a relay's cursor that moves before the confirm", async () => {
    await expect(crashes({ storage: settlesBeforePublishing })).rejects.toThrow(/changes what was/);
  });
});

describe("a second delivery finds", { timeout: 60_000 }, () => {
  test("a storage that records nothing", async () => {
    const { clock, database } = site();
    await using bed = createTestBed({
      setup: correctFlow,
      clock,
      storage: recordsNothing(database),
      broker: memoryBroker({ clock }),
    });
    await place(bed, "a");
    await bed.settle();
    expect(database.committed("available")).toBe(9);
    await bed.redeliver();
    expect(database.committed("available")).toBe(8);
    await expect(crashes({ storage: recordsNothing })).rejects.toThrow(
      /^Delivering everything once more changes what was effected/,
    );
  });
});
