import { requirePart, startKafka, startRabbitmq, whyNoKafka, whyNoRabbitmq } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { expect, onTestFinished, test } from "vitest";
import { flawless } from "../src/index.ts";
import { BridgeBed, bridgeProcess, GROUPS, reportOf } from "./bridge-bed.ts";
import type { BrokerPlace } from "./bridge-broker.ts";
import { preparedDatabase } from "./prepared-database.ts";

/** A server that the test can kill and start again. */
interface Target {
  readonly place: BrokerPlace;
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
}

async function ownRabbitmq(): Promise<Target> {
  const server = await startRabbitmq();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const place = { rabbitmq: { url: server.url, reconnectMaxMs: 500 } };
  return { place, kill: () => server.kill(), start: () => server.start() };
}

async function ownKafka(): Promise<Target> {
  const server = await startKafka();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const place = { kafka: { brokers: server.brokers } };
  return { place, kill: () => server.kill(), start: () => server.start() };
}

for (const [name, ownTarget, isThere] of [
  ["RabbitMQ", ownRabbitmq, requirePart("rabbitmq", whyNoRabbitmq({ own: true }))],
  ["Kafka", ownKafka, requirePart("kafka", whyNoKafka({ own: true }))],
] as const) {
  const { pool } = preparedDatabase();

  test.runIf(isThere)(
    `from native to ${name} with messages in flight: the bridge is killed, the target goes away, each effect happens once and in order`,
    async () => {
      const target = await ownTarget();
      const native: BrokerPlace = { native: { dataDir: `${testFolder()}/broker` } };
      const bed = new BridgeBed(pool());
      await bed.work(native, { relay: true, groups: GROUPS, notes: 60 });
      await bed.work(native, { relay: true, groups: ["ledger"], notes: 90 });
      await bed.work(native, { relay: true, groups: [], notes: 90 });
      await bed.abandon(native, "ledger", 10);
      // Committed, and not published anywhere before the switch.
      await bed.work(native, { relay: false, groups: [], notes: 60 });

      for (const killAfter of [1, 4, 9]) {
        const victim = bridgeProcess(native, target.place, { KILL_AFTER: String(killAfter) });
        expect(await victim.exited).toMatchObject({ signal: "SIGKILL" });
      }
      const survivor = bridgeProcess(native, target.place, { HALFWAY: "2", SLOW_MS: "40" });
      await survivor.line(({ event }) => event === "halfway");
      await target.kill();
      await survivor.line(({ event }) => event === "bridge.paused");
      await target.start();
      const { ended, groups } = await reportOf(survivor);
      expect(ended).toBe("idle");
      for (const group of GROUPS)
        expect(groups[group]).toMatchObject({ rejected: 0, behind: 0, notMeant: 0 });
      expect(groups["ledger"]?.confirmed).toBeGreaterThan(0);
      expect(groups["archive"]?.confirmed).toBeGreaterThan(groups["ledger"]?.confirmed ?? 0);
      expect(await survivor.exited).toMatchObject({ code: 0 });
      const empty = await reportOf(bridgeProcess(native, target.place));
      for (const group of GROUPS) expect(empty.groups[group]).toMatchObject({ read: 0 });

      await bed.goLive(target.place);
      for (const group of GROUPS) await bed.applied(group);
      expect(await bed.audit()).toEqual(flawless(2 * bed.committed));
    },
  );
}
