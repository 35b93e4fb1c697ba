import { createOutbox, createRelay, type OpenedWindow, type Relay, type WaybillEvent } from "@waybill/core";
import { inTransaction, postgresStorage } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import { expect, onTestFinished, test } from "vitest";
import { crashingServer, type CrashingServer } from "../src/crashing-server.ts";
import { Noted } from "../src/noted.ts";
import { recordingBroker, type RecordingBroker } from "../src/recording-broker.ts";

const HOURS = 3_600_000;

interface Bed {
  readonly server: CrashingServer;
  readonly relay: Relay;
  readonly broker: RecordingBroker;
  readonly events: WaybillEvent[];
  /** The snapshots that the relay was given, the newest last. */
  readonly snapshots: string[];
  /** Lets the next window wait between its reading and the relay. */
  stopNextWindow(): { readonly reached: Promise<void>; readonly go: () => void };
  send(no: number): Promise<bigint>;
  look(): Promise<void>;
}

/** A relay that looks only when it is told to, and does nothing meanwhile. */
async function bed(): Promise<Bed> {
  const server = await crashingServer();
  onTestFinished(() => server[Symbol.asyncDispose]());
  const storage = postgresStorage({ pool: server.pool });
  const broker = recordingBroker();
  const events: WaybillEvent[] = [];
  const snapshots: string[] = [];
  let stop: { reached: () => void; gone: Promise<void> } | null = null;
  const outbox = {
    readWindow: storage.outbox.readWindow.bind(storage.outbox),
    async openWindow(from: string, limit: number): Promise<OpenedWindow> {
      const opened = await storage.outbox.openWindow(from, limit);
      snapshots.push(opened.to);
      const current = stop;
      stop = null;
      current?.reached();
      await current?.gone;
      return opened;
    },
  };
  const relay = createRelay({
    source: "notes",
    storage: {
      relay: storage.relay,
      parked: storage.parked,
      outbox: Object.assign(Object.create(storage.outbox), outbox),
    },
    broker,
    options: { leaseMs: 600_000, pollBusyMs: HOURS, pollIdleMs: HOURS },
    onEvent: (event) => events.push(event),
  });
  onTestFinished(() => relay.stop());
  const sender = createOutbox({ source: "notes", storage });
  return {
    server,
    relay,
    broker,
    events,
    snapshots,
    stopNextWindow() {
      const reached = Promise.withResolvers<void>();
      const gone = Promise.withResolvers<void>();
      stop = { reached: reached.resolve, gone: gone.promise };
      return { reached: reached.promise, go: gone.resolve };
    },
    send: (no) =>
      inTransaction(server.pool, async (tx) => {
        await sender.send(tx, Noted, { key: "k", no });
        const { rows } = await tx.query<{ xid: string }>("select pg_current_xact_id() as xid");
        return BigInt(rows[0]?.xid ?? 0);
      }),
    async look() {
      const before = snapshots.length;
      await waitFor(() => {
        relay.nudge();
        return snapshots.length > before;
      });
    },
  };
}

const numbers = ({ broker }: Bed): number[] =>
  broker.published.map(({ payload }) => (JSON.parse(Buffer.from(payload).toString()) as { no: number }).no);

/** As the scheduler does: a standby tries to lead, and a leader is told to look. */
async function publishedAll(the: Bed, wanted: readonly number[]): Promise<void> {
  const describe = (): string => `notes ${wanted.join()}, published were ${numbers(the).join()}`;
  const all = async (): Promise<boolean> => {
    await the.relay.lead();
    the.relay.nudge();
    return wanted.every((no) => numbers(the).includes(no));
  };
  await waitFor(all, { deadlineMs: 10_000, describe });
}

test.each(["killBackend", "restart"] as const)(
  "%s: transaction ids that are given again after a crash do not make the relay skip rows that it never saw",
  async (crash) => {
    const the = await bed();
    await the.relay.lead();
    await the.send(1);
    await publishedAll(the, [1]);
    await the.server.useXids();
    await the.look();
    await the.server[crash]();
    const remembered = BigInt(the.snapshots.at(-1)?.split(":")[1] ?? 0);
    expect(await the.send(2), "the test is worth nothing if the ids are not given again").toBeLessThan(
      remembered,
    );
    await publishedAll(the, [1, 2]);
    expect(numbers(the)).toEqual([1, 2]);
    expect(the.events.map(({ type }) => type)).not.toContain("relay.incarnation");
  },
);

test("a window that was read before a crash is not recorded after it: rows with ids given again are not skipped", async () => {
  const the = await bed();
  await the.relay.lead();
  await the.look();
  await the.send(1);
  await the.server.useXids();
  const window = the.stopNextWindow();
  the.relay.nudge();
  await window.reached;
  const remembered = BigInt(the.snapshots.at(-1)?.split(":")[1] ?? 0);
  await the.server.killBackend();
  expect(await the.send(2), "the test is worth nothing if the ids are not given again").toBeLessThan(
    remembered,
  );
  window.go();
  await publishedAll(the, [1, 2]);
  expect(numbers(the)).toEqual([1, 2]);
});
