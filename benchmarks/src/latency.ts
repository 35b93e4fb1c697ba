import { setTimeout as after } from "node:timers/promises";
import { createWaybill, type Waybill } from "@waybill/core";
import { inTransaction, postgresStorage, type PgTransaction } from "@waybill/postgres";
import { spawnTs, temporaryFolder } from "@waybill/services";
import type { Pool } from "pg";
import { benchDatabase } from "./bench-database.ts";
import { Measured, payloadOf } from "./bench-topic.ts";
import { median, quantile, type Effort, type Figures } from "./report.ts";

const PER_SECOND = 100;
const WARM_UP = 100;

/**
 * From the answer of COMMIT in one process to the first line of the handler in another, through outbox, relay and the
 * native broker, at a steady 100 messages a second. Both processes use the clock of this machine. Reported as well:
 * the same with the COMMIT itself.
 */
export async function latency({ rounds, seconds }: Effort): Promise<Figures> {
  await using database = await benchDatabase(8);
  const { pool, url } = database;
  const fromCommit: Quantiles = { p50: [], p99: [] };
  const withCommit: Quantiles = { p50: [], p99: [] };
  await using producer = createWaybill({ source: "bench", storage: postgresStorage({ pool }) });
  for (let round = 0; round < rounds; round += 1) {
    await using folder = temporaryFolder("waybill-bench");
    const env = { DATABASE_URL: url, DATA_DIR: folder.path };
    await using worker = spawnTs(new URL("latency-worker.ts", import.meta.url), [], { env });
    await worker.ready();
    const count = WARM_UP + PER_SECOND * seconds;
    const committedAt = await sendSteadily(pool, producer, count);
    await after(500);
    worker.kill("SIGTERM");
    const line = await worker.line(({ event }) => event === "handled");
    const handled = (line["handled"] as [number, number][]).slice(WARM_UP);
    await worker.exited;
    if (handled.length !== count - WARM_UP)
      throw new Error(`${handled.length} of ${count - WARM_UP} messages arrived`);
    note(
      fromCommit,
      handled.map(([sentAt, handledAt]) => handledAt - (committedAt.get(sentAt) ?? Number.NaN)),
    );
    note(
      withCommit,
      handled.map(([sentAt, handledAt]) => handledAt - sentAt),
    );
  }
  return {
    bench: "latency",
    value: median(fromCommit.p50),
    unit: "ms",
    rounds: {
      "p50 ms": fromCommit.p50,
      "p99 ms": fromCommit.p99,
      "p50 ms with COMMIT": withCommit.p50,
      "p99 ms with COMMIT": withCommit.p99,
    },
    more: { p50Ms: median(fromCommit.p50), p99Ms: median(fromCommit.p99), perSecond: PER_SECOND },
  };
}

interface Quantiles {
  readonly p50: number[];
  readonly p99: number[];
}

function note(quantiles: Quantiles, samples: readonly number[]): void {
  quantiles.p50.push(quantile(samples, 0.5));
  quantiles.p99.push(quantile(samples, 0.99));
}

/** Answers when each COMMIT was answered, by the time noted in the message right before it. */
async function sendSteadily(
  pool: Pool,
  waybill: Waybill<PgTransaction>,
  count: number,
): Promise<Map<number, number>> {
  const begun = performance.now();
  const committedAt = new Map<number, number>();
  const commits: Promise<void>[] = [];
  for (let sent = 0; sent < count; sent += 1) {
    await after(Math.max(0, begun + (sent * 1_000) / PER_SECOND - performance.now()));
    const send = async (): Promise<void> => {
      let at = 0;
      await inTransaction(pool, async (tx) => {
        at = performance.timeOrigin + performance.now();
        await waybill.send(tx, Measured, payloadOf(256, `key-${sent % 50}`, at));
      });
      committedAt.set(at, performance.timeOrigin + performance.now());
    };
    commits.push(send());
  }
  await Promise.all(commits);
  return committedAt;
}
