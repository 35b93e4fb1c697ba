import { nativeBroker, type NativeBrokerEvent } from "@waybill/broker";
import { createWaybill, type Broker, type Waybill, type WaybillEvent } from "@waybill/core";
import { inTransaction, migrate, postgresStorage, type PgTransaction } from "@waybill/postgres";
import { createDatabase, waitFor } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { Pool } from "pg";
import { expect, inject, onTestFinished } from "vitest";
import { applyNote, LEDGER_TABLES, Noted } from "../src/index.ts";
import { lentBroker } from "../src/lent-broker.ts";

/** A native broker of its own, that outlives whatever happens to databases. */
export function brokerOf(events: NativeBrokerEvent[]): Broker {
  const broker = nativeBroker({ dataDir: `${testFolder()}/broker`, onEvent: (event) => events.push(event) });
  onTestFinished(() => broker[Symbol.asyncDispose]());
  return broker;
}

/** A pool that ends with the test, whatever became of its server. */
export function testPool(connectionString: string): Pool {
  const pool = new Pool({ connectionString, max: 6, connectionTimeoutMillis: 5_000 });
  pool.on("error", () => undefined);
  onTestFinished(() => pool.end());
  return pool;
}

/** Makes the business tables and Waybill's for `source`. */
export async function prepare(pool: Pool, source: string): Promise<void> {
  await migrate({ pool }, { source });
  await pool.query(LEDGER_TABLES);
}

export interface Service {
  readonly waybill: Waybill<PgTransaction>;
  readonly events: WaybillEvent[];
}

/** The service that sends notes: its relay, and its own group `ledger` unless that lives elsewhere. */
export function notes(pool: Pool, broker: Broker, withLedger = false): Service {
  return service("notes", pool, broker, withLedger);
}

/** Another service, with a database of its own, whose group applies the notes. */
export function ledger(pool: Pool, broker: Broker): Service {
  return service("ledger", pool, broker, true);
}

/** That service on a database in the shared server, taking deliveries: it keeps what it has applied, whatever `notes` loses. */
export async function ledgerElsewhere(
  broker: Broker,
): Promise<{ readonly effects: Pool; readonly applying: Service }> {
  const elsewhere = await createDatabase({ url: inject("postgresUrl") });
  onTestFinished(() => elsewhere.drop());
  const effects = testPool(elsewhere.url);
  await prepare(effects, "ledger");
  const applying = ledger(effects, broker);
  await applying.waybill.start({ relay: false });
  return { effects, applying };
}

function service(source: string, pool: Pool, broker: Broker, withLedger: boolean): Service {
  const events: WaybillEvent[] = [];
  const waybill = createWaybill({
    source,
    storage: postgresStorage({ pool }),
    broker: lentBroker(broker),
    relay: { leaseMs: 1_000, chunkRowsMax: 20 },
    consumer: { trustedSources: ["notes"] },
    onEvent: (event) => events.push(event),
  });
  if (withLedger) waybill.consumer("ledger").on(Noted, (note, { tx }) => applyNote(tx, note));
  onTestFinished(() => waybill.stop({ deadlineMs: 2_000 }));
  return { waybill, events };
}

let last = 0;

/** Sends `count` notes, one a transaction, and answers their numbers: no two notes of a run have the same. */
export async function send(
  pool: Pool,
  { waybill }: Pick<Service, "waybill">,
  count: number,
): Promise<number[]> {
  const numbers: number[] = [];
  for (let n = 0; n < count; n += 1) {
    last += 1;
    const no = last;
    await inTransaction(pool, (tx) => waybill.send(tx, Noted, { key: `k${no % 7}`, no }));
    numbers.push(no);
  }
  return numbers;
}

/** Waits until every one of these notes had its effect, and makes sure that none had two. */
export async function appliedOnce(pool: Pool, wanted: readonly number[]): Promise<void> {
  const effects = async (): Promise<Map<number, number>> => {
    const { rows } = await pool.query<{ no: number; times: number }>(
      "select no, count(*)::int as times from effect group by no",
    );
    return new Map(rows.map(({ no, times }) => [no, times]));
  };
  let seen = new Map<number, number>();
  const missing = (): number[] => wanted.filter((no) => !seen.has(no));
  const describe = (): string => `the notes ${missing().join()}`;
  const all = async (): Promise<boolean> => {
    seen = await effects();
    return missing().length === 0;
  };
  await waitFor(all, { deadlineMs: 30_000, intervalMs: 50, describe });
  expect([...seen].filter(([, times]) => times !== 1)).toEqual([]);
  expect([...seen.keys()].filter((no) => !wanted.includes(no))).toEqual([]);
}

export function reasons({ events }: Service): string[] {
  return events.flatMap((event) => (event.type === "relay.incarnation" ? [event.reason] : []));
}

export function countOf(events: readonly { readonly type: string }[], wanted: string): number {
  return events.filter(({ type }) => type === wanted).length;
}
