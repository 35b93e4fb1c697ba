import { testFolder, testKafka, testRabbitmq } from "@waybill/services/vitest";
import { describe, expect, test } from "vitest";
import { flawless } from "../src/index.ts";
import { BridgeBed, bridgeCommand, GROUPS, reportOf } from "./bridge-bed.ts";
import type { BrokerPlace } from "./bridge-broker.ts";
import { preparedDatabase } from "./prepared-database.ts";

const rabbitmq = testRabbitmq();
const kafka = testKafka();

const native = (): BrokerPlace => ({ native: { dataDir: `${testFolder()}/broker` } });
const onRabbitmq = (): BrokerPlace => ({ rabbitmq: { url: rabbitmq.url } });
const onKafka = (): BrokerPlace => {
  const { brokers, prefix } = kafka;
  return { kafka: { brokers, topicPrefix: prefix, groupPrefix: prefix, transactionalIdPrefix: prefix } };
};

/** Runs the command to its end. Answers what it confirmed for each group. */
async function move(from: BrokerPlace, to: BrokerPlace): Promise<Record<string, number>> {
  const command = await bridgeCommand(from, to);
  const { ended, groups } = await reportOf(command);
  expect(ended).toBe("idle");
  expect(await command.exited, command.output.join("\n")).toEqual({ code: 0, signal: null });
  return Object.fromEntries(Object.entries(groups).map(([group, { confirmed }]) => [group, confirmed]));
}

describe("the documented steps", () => {
  const { pool } = preparedDatabase();

  test("native, RabbitMQ, Kafka and back to native: at every move messages are in flight", async () => {
    const bed = new BridgeBed(pool());
    const stations = [native(), onRabbitmq(), onKafka(), native()];
    const moves: Record<string, number>[] = [];
    for (const [index, station] of stations.entries()) {
      // The archive is always behind by what was published at one station, and more at the next.
      await bed.work(station, { relay: true, groups: ["ledger"], notes: 20 });
      await bed.work(station, { relay: true, groups: [], notes: 20 });
      await bed.abandon(station, "ledger", 5);
      const next = stations[index + 1];
      if (next === undefined) await bed.goLive(station);
      else moves.push(await move(station, next));
    }
    for (const group of GROUPS) await bed.applied(group);
    expect(moves.map(({ ledger }) => ledger)).toEqual([20, 20, 20]);
    expect(moves.map(({ archive }) => archive)).toEqual([40, 80, 120]);
    expect(await bed.audit()).toEqual(flawless(2 * bed.committed));
  });
});

describe("the wrong order", () => {
  const { pool } = preparedDatabase();

  test("relays and consumers that switch before the bridge may lose the order of keys, and nothing else", async () => {
    const from = native();
    const bed = new BridgeBed(pool());
    await bed.work(from, { relay: true, groups: [], notes: 40 });
    await bed.goLive(onRabbitmq());
    await bed.work(onRabbitmq(), { relay: false, groups: [], notes: 40 });
    await bed.applied("ledger", 40);
    await move(from, onRabbitmq());
    for (const group of GROUPS) await bed.applied(group);
    const found = await bed.audit();
    expect({ ...found, inverted: 0 }).toEqual(flawless(2 * bed.committed));
    expect(found.inverted).toBeGreaterThan(0);
  });
});
