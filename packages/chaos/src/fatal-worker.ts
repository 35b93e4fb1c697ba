import { nativeBroker } from "@waybill/broker";
import { createWaybill, describeEvent, fixed } from "@waybill/core";
import { postgresStorage, type PgTransaction } from "@waybill/postgres";
import { Pool } from "pg";
import { applyNote } from "./apply-note.ts";
import { Noted } from "./noted.ts";
import { Blocking } from "./step.ts";

/**
 * A worker process that some messages kill, by their key: `fatal` at every start; `retried` fails at first and kills it
 * from then on; `compensated` fails for good, and its compensation kills it. Each such start is a row of `started`.
 */
const { DATABASE_URL, DATA_DIR, STARTS_MAX } = process.env;
if (DATABASE_URL === undefined || DATA_DIR === undefined) throw new Error("set DATABASE_URL and DATA_DIR");

const pool = new Pool({ connectionString: DATABASE_URL, max: 12 });
const aside = new Pool({ connectionString: DATABASE_URL, max: 2 });

interface Note {
  readonly key: string;
  readonly no: number;
}

async function die(key: string): Promise<never> {
  await aside.query("insert into started (key, worker) values ($1, $2)", [key, String(process.pid)]);
  process.kill(process.pid, "SIGKILL");
  return new Promise(() => undefined);
}

async function handle({ key, no }: Note, tx: PgTransaction, attempt: number): Promise<void> {
  await applyNote(tx, { key, no });
  if (key.startsWith("fatal")) await die(key);
  if (key.startsWith("compensated")) throw new Error("it fails at every attempt");
  if (!key.startsWith("retried")) return;
  if (attempt > 1) await die(key);
  throw new Error("it fails at first");
}

async function compensate({ key }: Note, { tx }: { readonly tx: PgTransaction }): Promise<void> {
  if (key.startsWith("compensated")) await die(key);
  await tx.query("insert into answered (key) values ($1)", [key]);
}

const waybill = createWaybill({
  source: "notes",
  storage: postgresStorage({ pool }),
  broker: nativeBroker({ dataDir: DATA_DIR }),
  relay: { leaseMs: 500 },
  consumer: { startsMax: Number(STARTS_MAX) },
  onEvent: (event) => {
    if (event.level !== "debug") console.log(JSON.stringify({ event: event.type, ...describeEvent(event) }));
  },
});

const options = { retry: fixed({ everyMs: 20, attempts: 2 }), compensate };
waybill
  .consumer("ledger")
  .on(Noted, (note, { tx, attempt }) => handle(note, tx, attempt), options)
  .onBatch(
    Blocking,
    async (items, { tx }) => {
      for (const { payload } of items) await handle(payload, tx, 1);
    },
    options,
  );

await waybill.start();
console.log(JSON.stringify({ event: "ready" }));

process.once("SIGTERM", () => {
  void waybill
    .stop()
    .then(() => Promise.all([pool.end(), aside.end()]))
    .then(() => process.exit(0));
});
