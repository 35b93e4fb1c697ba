import { Inject, Injectable } from "@nestjs/common";
import { defineTopic } from "@waybill/core";
import { z } from "zod";
import { transactional, WAYBILL, type AppWaybill } from "./waybill-module.ts";

const PaymentReceived = defineTopic("payment.received", {
  version: 1,
  schema: z.object({ orderId: z.string(), cents: z.int() }),
  key: ({ orderId }) => orderId,
});

export interface Payment {
  readonly orderId: string;
  readonly cents: number;
}

@Injectable()
export class PaymentsService {
  @Inject(WAYBILL) readonly waybill!: AppWaybill;

  /** Books a payment and tells others, in the transaction of whoever calls, or else in one of its own. */
  @transactional()
  async book(payment: Payment): Promise<number> {
    const tx = this.waybill.currentTransaction();
    const { rows } = await tx.query<{ payment_id: number }>(
      "insert into payments (order_id, cents) values ($1, $2) returning payment_id",
      [payment.orderId, payment.cents],
    );
    await this.waybill.send(tx, PaymentReceived, payment);
    return rows[0]?.payment_id ?? 0;
  }
}
