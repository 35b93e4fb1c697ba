import { createWaybill, describeEvent, fixed, type BatchHandler } from "@waybill/core";
import { postgresStorage, type PgTransaction } from "@waybill/postgres";
import { Pool } from "pg";
import { setTimeout as after } from "node:timers/promises";
import { movingBroker } from "./moving-broker.ts";
import { Blocking, Parking } from "./step.ts";

/**
 * A process of the group `held` whose handlers stand still in their transaction until the test, in the table `script`,
 * says what a message does: `fail` or `go`. Each entry of a handler is a row of `entered`. With BATCHES set, blocking
 * ones are handled in batches.
 */
const { DATABASE_URL, WORKER, BATCHES } = process.env;
if (DATABASE_URL === undefined || WORKER === undefined) throw new Error("set DATABASE_URL and WORKER");

/** Handlers hold connections of their own pool, so that broker and script always get one. */
const pool = new Pool({ connectionString: DATABASE_URL, max: 8, application_name: `worker-${WORKER}` });
const aside = new Pool({ connectionString: DATABASE_URL, max: 4, application_name: `aside-${WORKER}` });

interface Step {
  readonly key: string;
  readonly no: number;
}

async function told({ key, no }: Step): Promise<"fail" | "go"> {
  for (;;) {
    const { rows } = await aside.query<{ act: string }>("select act from script where key = $1 and no = $2", [
      key,
      no,
    ]);
    const act = rows[0]?.act;
    if (act === "fail" || act === "go") return act;
    await after(10);
  }
}

async function handle(step: Step, { tx }: { readonly tx: PgTransaction }): Promise<void> {
  const entry = [WORKER, step.key, step.no];
  await aside.query("insert into entered (worker, key, no) values ($1, $2, $3)", entry);
  await tx.query("insert into effect (worker, key, no) values ($1, $2, $3)", entry);
  if ((await told(step)) === "fail") throw new Error(`step ${step.no} was told to fail`);
}

const waybill = createWaybill({
  source: "notes",
  storage: postgresStorage({ pool }),
  broker: movingBroker(aside, WORKER),
  onEvent: (event) => {
    if (event.type.startsWith("message.")) {
      console.log(JSON.stringify({ event: event.type, ...describeEvent(event) }));
    }
  },
});
const retry = fixed({ everyMs: 20, attempts: 50 });
const group = waybill.consumer("held").on(Parking, handle, { retry });
if (BATCHES === undefined) group.on(Blocking, handle, { retry });
else {
  const each: BatchHandler<PgTransaction, typeof Blocking> = async (items, context) => {
    for (const { payload } of items) await handle(payload, context);
  };
  group.onBatch(Blocking, each, { retry });
}
await waybill.start({ relay: false });
console.log(JSON.stringify({ event: "ready" }));

process.once("SIGTERM", () => {
  void waybill
    .stop()
    .then(() => Promise.all([pool.end(), aside.end()]))
    .then(() => process.exit(0));
});
