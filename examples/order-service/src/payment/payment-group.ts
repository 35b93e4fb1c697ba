import type { Waybill } from "@waybill/core";
import type { Tx } from "../open-database.ts";
import { noteHandled } from "../order-history.ts";
import { OrderConfirmed, PaymentDeclined, StockReserved } from "../topics.ts";
import { charge } from "./charge.ts";

const GROUP = "payment";

/** Charges every order whose stock is reserved. */
export function registerPayment(waybill: Waybill<Tx>): void {
  waybill.consumer(GROUP).on(
    StockReserved,
    async (order, { tx, send, message }) => {
      await charge(tx, order);
      await noteHandled(tx, GROUP, message.topic, order);
      await send(OrderConfirmed, order);
    },
    {
      // Tells the step before this one to undo what it did.
      compensate: async (order, { tx, send, message, error }) => {
        await noteHandled(tx, GROUP, message.topic, order);
        await send(PaymentDeclined, { ...order, reason: error.message });
      },
    },
  );
}
