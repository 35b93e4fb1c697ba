import { expect, test } from "vitest";
import type { Envelope } from "@waybill/core";
import { seededRandom, waitFor } from "@waybill/services";
import { startWaybill } from "./support/broker-target.ts";
import { fates, history, leaseOf, relayAt, storedIds } from "./support/relay.ts";

const KIB = 1024;
/** Small, so that kills also meet new segments and checkpoints. */
const engine = { segmentBytes: 512 * KIB, fillAheadBytes: 64 * KIB, checkpointBytes: 256 * KIB };

test("a stale relay publishes nothing after another took over, also when the server is killed in between", async () => {
  await using server = await startWaybill({ engine });
  const next = history();
  const [old, successor] = [await relayAt(server.url, 1), await relayAt(server.url, 2)];
  await old.broker.fence({ ...old.lease.fence!, epoch: 1 });
  const [first, second, third] = [next(2), next(2), next(2)];
  expect(fates(await old.broker.publish(first, old.lease))).toEqual(["confirmed", "confirmed"]);
  await successor.broker.fence(successor.lease.fence!);
  await server.kill();
  await server.start();
  // The stale one is the first that the new process hears of.
  const stale = async (): Promise<readonly string[]> => fates(await old.broker.publish(second, old.lease));
  const isBack = async (): Promise<boolean> => !(await stale()).includes("unknown");
  await waitFor(isBack, { deadlineMs: 20_000 });
  for (const { broker } of [old, successor])
    await waitFor(async () => (await broker.health()).status === "up", { deadlineMs: 20_000 });
  expect(await stale()).toEqual(["BROKER_FENCED", "BROKER_FENCED"]);
  await expect(old.broker.fence(old.lease.fence!)).rejects.toMatchObject({ code: "BROKER_FENCED" });
  expect(fates(await successor.broker.publish(third, successor.lease))).toEqual(["confirmed", "confirmed"]);
  expect(await storedIds(server.url)).toEqual([...first, ...third].map(({ id }) => id));
});

test("what was unknown when the server was killed and is published again is there once, in order", async () => {
  const chance = seededRandom(7);
  await using server = await startWaybill({ engine });
  const { broker } = await relayAt(server.url, 1);
  const next = history(4);
  const published: Envelope[] = [];
  let unknown = 0;
  for (let kills = 0; kills < 6; kills += 1) {
    const lease = leaseOf(kills + 1, 2_000);
    let pending = next(3_000);
    published.push(...pending);
    const publishing = broker.publish(pending, lease);
    await waitFor(async () => (await broker.health()).status === "up");
    await new Promise((resolve) => setTimeout(resolve, chance() * 60));
    await server.kill();
    await server.start();
    let results = await publishing;
    for (;;) {
      unknown += results.filter(({ kind }) => kind === "unknown").length;
      pending = pending.filter((_, index) => results[index]?.kind !== "confirmed");
      if (pending.length === 0) break;
      await waitFor(async () => (await broker.health()).status === "up", { deadlineMs: 20_000 });
      results = await broker.publish(pending, lease);
    }
  }
  const ids = await storedIds(server.url);
  expect(unknown).toBeGreaterThan(0);
  expect(ids).toHaveLength(published.length);
  const place = new Map(ids.map((id, index) => [id, index]));
  for (let partition = 0; partition < 4; partition += 1) {
    const places = published
      .filter((envelope) => envelope.partition === partition)
      .map(({ id }) => place.get(id) ?? -1);
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    expect(places).not.toContain(-1);
  }
});
