import { createWaybill, describeEvent, type Broker, type WaybillEvent } from "@waybill/core";
import { inTransaction, postgresStorage } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import type { Pool } from "pg";
import { setTimeout as after } from "node:timers/promises";
import { applyNote } from "../apply-note.ts";
import { audit, type Audit } from "../ledger.ts";
import { Noted } from "../noted.ts";
import { seeded } from "../seeded.ts";
import { takeNote } from "../take-note.ts";
import { writeNote } from "../write-notes.ts";

/** Group that applies the notes. */
export const GROUP = "ledger";
export const TOPIC = Noted.name;

const KEYS = Array.from({ length: 10 }, (_, index) => `k${index}`);
const WRITERS = 3;
const PAUSE_MS = 20;
const DEADLINE_MS = 120_000;

/** Where a producer's relay publishes, and where members of the group subscribe. All are closed with the flow. */
export interface ClusterFlowOptions {
  readonly pool: Pool;
  readonly publishTo: Broker;
  readonly consumeFrom: readonly Broker[];
}

/** Notes on their way from business transactions over brokers to effects, while something happens to the brokers. */
export interface ClusterFlow extends AsyncDisposable {
  /** Takes notes on all keys, about a hundred a second, until it is told to end. */
  keepSending(): () => Promise<void>;
  /**
   * Milliseconds from the beginning of the fault until each key has the effect of a note taken after the fault.
   */
  recovery(fault: () => unknown): Promise<number>;
  /** Compares what was committed with what has happened so far. */
  audit(): Promise<Audit>;
  /** The same once everything committed has its effect and nothing waits any more. */
  settled(): Promise<Audit>;
}

/** Starts a producer's relay and a group, on tables that are empty, and waits until a note of each key has come through. */
export async function openClusterFlow(options: ClusterFlowOptions): Promise<ClusterFlow> {
  const { pool, publishTo, consumeFrom } = options;
  const heard: string[] = [];
  const onEvent = (event: WaybillEvent): void => {
    if (event.level !== "debug") heard.push(JSON.stringify(describeEvent(event)));
  };
  const common = { source: "notes", storage: postgresStorage({ pool }), onEvent };
  const producer = createWaybill({ ...common, broker: publishTo });
  const consumers = consumeFrom.map((broker) => createWaybill({ ...common, broker }));
  for (const one of consumers) one.consumer(GROUP).on(Noted, (note, { tx }) => applyNote(tx, note));
  const chance = seeded(5);
  const describe = (): string => heard.slice(-30).join("\n");

  const take = (key: string): Promise<number> => inTransaction(pool, (tx) => takeNote(tx, producer, key));
  const hasEffects = async (numbers: readonly number[]): Promise<boolean> => {
    const { rowCount } = await pool.query(
      "select distinct key, no from effect where (key, no) in (select * from unnest($1::text[], $2::int[]))",
      [KEYS, numbers],
    );
    return rowCount === KEYS.length;
  };
  const flow: ClusterFlow = {
    keepSending() {
      const ending = new AbortController();
      const writing = { pool, waybill: producer, keys: KEYS.length, chance, rollbacks: 0.1 };
      const writers = Array.from({ length: WRITERS }, async () => {
        while (!ending.signal.aborted) {
          await writeNote(writing);
          await after(PAUSE_MS); // A load that can be followed; nothing is expected to happen meanwhile.
        }
      });
      return async () => {
        ending.abort();
        await Promise.all(writers);
      };
    },
    async recovery(fault) {
      const begun = performance.now();
      await fault();
      const numbers = await Promise.all(KEYS.map(take));
      await waitFor(() => hasEffects(numbers), { deadlineMs: DEADLINE_MS, intervalMs: 20, describe });
      return performance.now() - begun;
    },
    audit: () => audit(pool),
    async settled() {
      let found = await audit(pool);
      let putAside = 0;
      const isSettled = async (): Promise<boolean> => {
        found = await audit(pool);
        putAside = await waiting(pool);
        return found.lost === 0 && putAside === 0;
      };
      await waitFor(isSettled, {
        deadlineMs: DEADLINE_MS,
        describe: () => `${JSON.stringify(found)} with ${putAside} put aside to be settled\n${describe()}`,
      });
      return found;
    },
    async [Symbol.asyncDispose]() {
      await producer.stop({ deadlineMs: 2_000 });
      for (const one of consumers) await one.stop({ deadlineMs: 2_000 });
    },
  };
  try {
    for (const one of consumers) await one.start({ relay: false });
    await producer.start({ consumers: false });
    await flow.recovery(() => undefined);
  } catch (error) {
    await flow[Symbol.asyncDispose]();
    throw error;
  }
  return flow;
}

/** Messages that were put aside, by the relay or the group. */
async function waiting(pool: Pool): Promise<number> {
  const found = await pool.query("select from waybill.parked union all select from waybill.dead_letter");
  return found.rowCount ?? 0;
}
