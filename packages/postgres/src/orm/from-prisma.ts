import type { SqlTransaction } from "@waybill/core";
import { noTransaction, sqlTransaction } from "../connection/sql-transaction.ts";

/** What Waybill uses of an interactive transaction of Prisma, which lacks what the client itself has. */
export interface PrismaTransaction {
  $queryRawUnsafe(sql: string, ...values: unknown[]): PromiseLike<unknown>;
  readonly $connect?: never;
}

/**
 * The transaction of `prisma.$transaction(async (tx) => …)`, for `send` and `inbox.once`: what they record commits or
 * rolls back with it. Use it only inside that callback; Prisma itself refuses it afterwards.
 *
 * @throws WaybillError `NOT_IN_TRANSACTION` when it is no transaction
 */
export function fromPrisma(tx: PrismaTransaction): SqlTransaction {
  if (typeof tx?.$queryRawUnsafe !== "function" || tx.$connect !== undefined) {
    throw noTransaction("Prisma", "prisma.$transaction(async (tx) => …)");
  }
  return sqlTransaction(
    async (sql, params) => (await tx.$queryRawUnsafe(sql, ...params)) as readonly object[],
  );
}
