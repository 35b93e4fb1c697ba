import { expect, onTestFinished, test } from "vitest";
import { nativeBroker } from "@waybill/broker";
import { waitFor } from "@waybill/services";
import { startBed } from "./support/server-bed.ts";
import { fates, history, leaseOf } from "./support/relay.ts";

test.each([
  ["without a fence", { ...leaseOf(1), fence: null }],
  ["of a relay", leaseOf(1)],
])(
  "messages %s whose user may not write for a while: the first of each partition is refused, the rest is held",
  async (_whose, options) => {
    let mayWrite = true;
    const bed = await startBed({
      annMay: (permission, name) => permission !== "write" || name !== "waybill" || mayWrite,
    });
    const broker = nativeBroker({ url: bed.url.replace("guest:guest", "ann:ann") });
    onTestFinished(() => broker[Symbol.asyncDispose]());
    await broker.open();
    const got: string[] = [];
    await broker.subscribe({ group: "billing", topics: ["order.placed"], prefetch: 64 }, ({ envelope }) => {
      got.push(envelope.id);
      return Promise.resolve({ kind: "ack" });
    });
    if (options.fence !== null) await broker.fence(options.fence);
    const batch = history(3)(30);
    const publish = async () => fates(await broker.publish(batch, options));
    mayWrite = false;
    for (const _ of [1, 2])
      expect(await publish()).toEqual(batch.map((_one, index) => (index < 3 ? "BROKER_REFUSED" : "held")));
    mayWrite = true;
    expect(await publish()).toEqual(batch.map(() => "confirmed"));
    await waitFor(() => got.length === batch.length);
    const firstPartition = (ids: readonly string[]) => ids.filter((_id, index) => index % 3 === 0);
    expect(firstPartition(got)).toEqual(firstPartition(batch.map(({ id }) => id)));
  },
);
