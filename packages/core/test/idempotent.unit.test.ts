import { expect, expectTypeOf, test } from "vitest";
import type { ResultCodec } from "../src/index.ts";
import { createBed, Placed } from "./support/bed.ts";

interface Paid {
  readonly eventId: string;
  readonly order: string;
}

const increment = (value: unknown): number => Number(value ?? 0) + 1;
const group = "payments";
const id = (event: Paid): string => event.eventId;
const event: Paid = { eventId: "evt_1", order: "a" };

function bed() {
  const { waybill, storage } = createBed();
  const effects = (): unknown => storage.committed("paid");
  const pay = async ({ order }: Paid): Promise<{ receipt: number }> => {
    const tx = waybill.currentTransaction();
    const receipt = await tx.update("paid", increment);
    await waybill.send(tx, Placed, { order, no: receipt });
    return { receipt };
  };
  const sent = async (): Promise<number> => (await storage.outbox.openWindow("1:1:", 10)).rows.length;
  return { waybill, storage, effects, pay, sent };
}

test("however often it is called, effects and messages of an event happen once", async () => {
  const { waybill, pay, effects, sent } = bed();
  const handle = waybill.idempotent(pay, { group, id });
  expect(await handle(event)).toEqual({ receipt: 1 });
  expect(await handle(event)).toBeUndefined();
  expect(await handle({ ...event, eventId: "evt_2" })).toEqual({ receipt: 2 });
  expect([effects(), await sent()]).toEqual([2, 2]);
});

test("with storeResult a duplicate gets the first answer, and the types say which it is", async () => {
  const { waybill, pay, effects } = bed();
  const plain = waybill.idempotent(pay, { group: "plain", id });
  const stored = waybill.idempotent(pay, { group, id, storeResult: true });
  expectTypeOf(plain).returns.resolves.toEqualTypeOf<{ receipt: number } | undefined>();
  expectTypeOf(stored).returns.resolves.toEqualTypeOf<{ receipt: number }>();
  expectTypeOf(stored).parameters.toEqualTypeOf<[Paid]>();
  expect([await stored(event), await stored(event)]).toEqual([{ receipt: 1 }, { receipt: 1 }]);
  expect(effects()).toBe(1);
});

test("a codec keeps what JSON cannot, and nothing is kept as nothing", async () => {
  const { waybill } = bed();
  const date: ResultCodec<Date> = {
    encode: (value) => value.toISOString(),
    decode: (text) => new Date(text),
  };
  const when = waybill.idempotent(() => new Date(1_700_000_000_000), {
    group: "dates",
    id: () => "one",
    storeResult: date,
  });
  expect([await when(), await when()]).toEqual([new Date(1_700_000_000_000), new Date(1_700_000_000_000)]);
  const none = waybill.idempotent(() => undefined, { group: "none", id: () => "one", storeResult: true });
  expect([await none(), await none()]).toEqual([undefined, undefined]);
});

test("a result that does not survive its codec is changed at the first call already", async () => {
  const { waybill } = bed();
  const handle = waybill.idempotent(() => ({ at: new Date(0), left: undefined }), {
    group,
    id: () => "one",
    storeResult: true,
  });
  expect(await handle()).toEqual({ at: "1970-01-01T00:00:00.000Z" });
});

test("a record without a result is an error for a function that promises one", async () => {
  const { waybill, pay } = bed();
  await waybill.idempotent(pay, { group, id })(event);
  const stored = waybill.idempotent(pay, { group, id, storeResult: true });
  await expect(stored(event)).rejects.toMatchObject({ code: "RESULT_MISSING" });
});

test("a call that fails leaves nothing, and the next copy runs", async () => {
  const { waybill, storage, effects, sent } = bed();
  let calls = 0;
  const handle = waybill.idempotent(
    async ({ order }: Paid) => {
      calls += 1;
      const tx = waybill.currentTransaction();
      await tx.update("paid", increment);
      await waybill.send(tx, Placed, { order, no: 1 });
      if (calls === 1) throw new Error("declined");
    },
    { group, id },
  );
  await expect(handle(event)).rejects.toThrow("declined");
  expect([storage.committed("paid"), await sent()]).toEqual([undefined, 0]);
  await handle(event);
  await handle(event);
  expect([effects(), await sent(), calls]).toEqual([1, 1, 2]);
});

test.each(["succeeds", "fails"])(
  "of concurrent copies the others wait for the first, which %s",
  async (end) => {
    const { waybill, effects } = bed();
    const begun = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    let calls = 0;
    const handle = waybill.idempotent(
      async (_event: Paid) => {
        calls += 1;
        const mine = calls;
        await waybill.currentTransaction().update("paid", increment);
        begun.resolve();
        await finish.promise;
        if (mine === 1 && end === "fails") throw new Error("declined");
        return mine;
      },
      { group, id, storeResult: true },
    );
    const first = handle(event);
    await begun.promise;
    const others = [handle(event), handle(event)];
    expect(calls).toBe(1);
    finish.resolve();
    await first.catch(() => undefined);
    expect(await Promise.all(others)).toEqual(end === "succeeds" ? [1, 1] : [2, 2]);
    expect(effects()).toBe(1);
  },
);

test("inside a transaction it joins: record and effects go with the rollback", async () => {
  const { waybill, pay, effects } = bed();
  const handle = waybill.idempotent(pay, { group, id });
  const failing = waybill.runInTransaction(async () => {
    await handle(event);
    throw new Error("outer");
  });
  await expect(failing).rejects.toThrow("outer");
  expect(await handle(event)).toEqual({ receipt: 1 });
  expect(effects()).toBe(1);
});

test("a failure in a transaction that goes on takes the transaction with it, so that no record stands alone", async () => {
  const { waybill, storage } = bed();
  const handle = waybill.idempotent(
    async (_event: Paid) => {
      throw new Error("declined");
    },
    { group, id },
  );
  const outer = waybill.runInTransaction(async (tx) => {
    await tx.set("other", 1);
    await handle(event).catch(() => undefined);
  });
  await expect(outer).rejects.toThrow("declined");
  expect(storage.committed("other")).toBeUndefined();
});

test("a missing id is refused before anything runs", async () => {
  const { waybill, pay, effects } = bed();
  const handle = waybill.idempotent(pay, { group, id });
  await expect(handle({ order: "a" } as Paid)).rejects.toMatchObject({ code: "OPTIONS_INVALID" });
  expect(effects()).toBeUndefined();
});

test.each([{ gruop: "x" }, { group: "" }, { id: "evt" }, { storeResult: "yes" }])(
  "wrong options are refused at once: %o",
  (change) => {
    const { waybill, pay } = bed();
    const options = { group, id, ...change } as unknown as { group: string; id: typeof id };
    expect(() => waybill.idempotent(pay, options)).toThrow(
      expect.objectContaining({ code: "OPTIONS_INVALID" }),
    );
  },
);

test("this and all arguments reach the function", async () => {
  const { waybill } = bed();
  const shop = {
    name: "tea",
    handle: waybill.idempotent(
      async function (this: { name: string }, eventId: string, extra: number) {
        return `${this.name} ${eventId} ${extra}`;
      },
      { group, id: (eventId) => eventId },
    ),
  };
  expect(await shop.handle("evt_1", 7)).toBe("tea evt_1 7");
});
