import { expect, test } from "vitest";
import { memoryStorage } from "../src/memory/storage/memory-storage.ts";
import type { Envelope } from "../src/message/envelope.ts";
import { OUTGOING, type NewParked } from "../src/ports/parked-store.ts";

const envelope: Envelope = {
  id: "a",
  source: "orders",
  topic: "order.placed",
  version: 1,
  key: null,
  partition: 1,
  headers: {},
  contentType: "text/plain",
  payload: new Uint8Array(),
  createdAt: 0,
  position: { incarnation: "one", sequence: 0 },
};

test("an announcement that was refused remains one, and holds up nobody", async () => {
  const storage = memoryStorage({ source: "orders" });
  const answer = await storage.relay.acquire("relay", 60_000);
  if (answer.kind !== "acquired") throw new Error("the lease is held");
  const { lease } = answer;
  const { from } = await storage.relay.load(lease);
  const step = { from, window: null, sequences: new Map<string, number>(), park: [], dead: [], parked: [] };
  const rest = { stage: "handle", order: "blocking", attempts: 0, error: null, expiresAt: null } as const;
  const parked: NewParked = { ...rest, group: OUTGOING, envelope, reason: "void", due: { inMs: 0 } };
  await storage.relay.apply(lease, { ...step, park: [parked] });
  const [row] = (await storage.parked.dueOutgoing(1)).parked;
  const again = { attempts: 1, dueInMs: 0, error: "refused" };
  await storage.relay.apply(lease, {
    ...step,
    parked: [{ kind: "again", parkedId: row?.parkedId ?? -1, ...again }],
  });
  expect((await storage.parked.dueOutgoing(1)).parked).toMatchObject([{ reason: "void", attempts: 1 }]);
});
