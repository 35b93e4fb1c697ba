import { Global, Inject, Module, type OnApplicationShutdown } from "@nestjs/common";
import { createWaybill, methodDecorators, type Waybill } from "@waybill/core";
import { postgresStorage, type PgTransaction } from "@waybill/postgres";
import { Pool } from "pg";

export type AppWaybill = Waybill<PgTransaction>;

/** The token under which Waybill is injected. */
export const WAYBILL = Symbol("waybill");

/** Decorators for every class that has its Waybill injected as `waybill`. */
export const { idempotent, transactional } = methodDecorators(
  (self: { readonly waybill: AppWaybill }) => self.waybill,
);

const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
const waybill = createWaybill({ source: "payments", storage: postgresStorage({ pool }) });

@Global()
@Module({ providers: [{ provide: WAYBILL, useValue: waybill }], exports: [WAYBILL] })
export class WaybillModule implements OnApplicationShutdown {
  @Inject(WAYBILL) readonly waybill!: AppWaybill;

  async onApplicationShutdown(): Promise<void> {
    await this.waybill.stop();
    await pool.end();
  }
}
