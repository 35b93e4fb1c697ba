import { createWaybill, type Storage, type Waybill } from "@waybill/core";
import { postgresStorage, type PgTransaction } from "@waybill/postgres";
import { waitFor } from "@waybill/services";
import type { Pool } from "pg";
import { onTestFinished } from "vitest";
import { tableBroker } from "../src/index.ts";

export interface RetentionBed {
  readonly storage: Storage<PgTransaction>;
  readonly waybill: Waybill<PgTransaction>;
  published(): Promise<string[]>;
  /** Leaves that hold rows. */
  leaves(): Promise<number[]>;
  /** Resolves when the outbox has gone on to another leaf `times` times. */
  turned(times: number): Promise<void>;
}

/** A relay on the table broker, and looks at the leaves. Leaves are `leafSeconds` wide. */
export async function retentionBed(pool: Pool, leafSeconds: number): Promise<RetentionBed> {
  await pool.query("create table if not exists control (n integer); truncate control");
  const storage = postgresStorage({ pool });
  const waybill = createWaybill({
    source: "notes",
    storage,
    broker: tableBroker(pool),
    onEvent: () => undefined,
  });
  onTestFinished(() => waybill.stop());
  const column = async <T>(text: string): Promise<T[]> =>
    (await pool.query<{ value: T }>(text)).rows.map(({ value }) => value);
  const era = async (): Promise<number> => {
    const [now] = await column<string>(`select floor(date_part('epoch', now()) / ${leafSeconds}) as value`);
    return Number(now);
  };
  return {
    storage,
    waybill,
    published: () => column<string>("select message_id as value from published order by id"),
    leaves: () => column<number>("select distinct leaf::int as value from waybill.outbox order by 1"),
    async turned(times) {
      const goal = (await era()) + times;
      const deadlineMs = (times + 5) * leafSeconds * 1_000 + 5_000;
      await waitFor(async () => (await era()) >= goal, {
        deadlineMs,
        intervalMs: 50,
        describe: "the next leaf",
      });
    },
  };
}
