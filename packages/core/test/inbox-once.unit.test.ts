import { expect, test } from "vitest";
import { createInbox, memoryStorage, type MemoryStorage, type MemoryTransaction } from "../src/index.ts";
import { createBed } from "./support/bed.ts";

const increment = (value: unknown): number => Number(value ?? 0) + 1;
const pay = (tx: MemoryTransaction): Promise<number> => tx.update("paid", increment);

function once(storage: MemoryStorage, messageId: string, group = "payments"): Promise<"done" | "duplicate"> {
  const inbox = createInbox({ storage });
  return storage.transaction((tx) => inbox.once(tx, { group, messageId }, pay));
}

test.each([
  "0190a000-0000-7000-8000-000000000001",
  "evt_1",
  " ",
  "ключ/🔑\0\n",
  "\ud800",
  "x".repeat(65_536),
])("any text is an id: %j", async (messageId) => {
  const storage = memoryStorage();
  expect(await once(storage, messageId)).toBe("done");
  expect(await once(storage, messageId)).toBe("duplicate");
  expect(await once(storage, `${messageId.slice(1)}.`)).toBe("done");
  expect(await once(storage, messageId, "other group")).toBe("done");
  expect(storage.committed("paid")).toBe(3);
});

test.each([{ messageId: "" }, { messageId: undefined }, { messageId: 7 }, { group: "" }, { gruop: "x" }])(
  "what cannot name a message is refused before anything happens: %o",
  async (change) => {
    const storage = memoryStorage();
    const key = { group: "payments", messageId: "evt_1", ...change } as { group: string; messageId: string };
    const work = storage.transaction((tx) => createInbox({ storage }).once(tx, key, pay));
    await expect(work).rejects.toMatchObject({ code: "OPTIONS_INVALID" });
    expect(storage.committed("paid")).toBeUndefined();
  },
);

test("work that fails leaves neither effect nor record, also when the caller goes on and commits", async () => {
  const storage = memoryStorage();
  const inbox = createInbox({ storage });
  await storage.transaction(async (tx) => {
    const failing = inbox.once(tx, { group: "payments", messageId: "evt_1" }, async (inner) => {
      await pay(inner);
      throw new Error("declined");
    });
    await expect(failing).rejects.toThrow("declined");
    await tx.set("other", "kept");
  });
  expect(storage.committed("other")).toBe("kept");
  expect(storage.committed("paid")).toBeUndefined();
  expect(await once(storage, "evt_1")).toBe("done");
});

test("a transaction that rolls back afterwards takes record and effect with it", async () => {
  const storage = memoryStorage();
  const inbox = createInbox({ storage });
  const failing = storage.transaction(async (tx) => {
    expect(await inbox.once(tx, { group: "payments", messageId: "evt_1" }, pay)).toBe("done");
    throw new Error("later");
  });
  await expect(failing).rejects.toThrow("later");
  expect(await once(storage, "evt_1")).toBe("done");
});

test.each(["commits", "rolls back"])("a copy waits for the first, which %s", async (end) => {
  const storage = memoryStorage();
  const inbox = createInbox({ storage });
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const first = storage.transaction((tx) =>
    inbox.once(tx, { group: "payments", messageId: "evt_1" }, async (inner) => {
      await pay(inner);
      begun.resolve();
      await finish.promise;
    }),
  );
  await begun.promise;
  let answered = false;
  const second = once(storage, "evt_1").finally(() => (answered = true));
  await Promise.resolve();
  expect(answered).toBe(false);
  if (end === "commits") finish.resolve();
  else finish.reject(new Error("declined"));
  await first.catch(() => undefined);
  expect(await second).toBe(end === "commits" ? "duplicate" : "done");
  expect(storage.committed("paid")).toBe(1);
});

test("the inbox of a Waybill is the one of its consumers: the same id in the same group happens once", async () => {
  const { waybill, storage } = createBed();
  const key = { group: "payments", messageId: "evt_1" };
  expect(await storage.transaction((tx) => waybill.inbox.once(tx, key, pay))).toBe("done");
  const envelope = {
    id: "evt_1",
    source: "elsewhere",
    topic: "paid",
    version: 1,
    key: null,
    partition: 0,
    headers: {},
    contentType: "application/json",
    payload: new Uint8Array(),
    createdAt: 0,
    position: null,
  };
  const claim = { group: "payments", envelope, ordered: false, parkedId: null };
  expect(await storage.transaction((tx) => storage.inbox.claim(tx, claim))).toBe("duplicate");
});
