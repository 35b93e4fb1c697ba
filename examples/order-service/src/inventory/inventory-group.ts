import type { Waybill } from "@waybill/core";
import type { Tx } from "../open-database.ts";
import { noteHandled } from "../order-history.ts";
import { OrderPlaced, OrderRejected, PaymentDeclined, StockReserved } from "../topics.ts";
import { releaseStock, reserveStock } from "./stock.ts";

const GROUP = "inventory";

/** Reserves the stock of every order that was placed, and gives it back when the payment is declined. */
export function registerInventory(waybill: Waybill<Tx>): void {
  waybill
    .consumer(GROUP)
    .on(
      OrderPlaced,
      async (order, { tx, send, message }) => {
        await reserveStock(tx, order);
        await noteHandled(tx, GROUP, message.topic, order);
        await send(StockReserved, order);
      },
      {
        // Runs instead when the order cannot be served: what the handler had written is undone by then.
        compensate: async (order, { tx, send, message, error }) => {
          await noteHandled(tx, GROUP, message.topic, order);
          await send(OrderRejected, { ...order, reason: error.message });
        },
      },
    )
    .on(PaymentDeclined, async (order, { tx, send, message }) => {
      await releaseStock(tx, order);
      await noteHandled(tx, GROUP, message.topic, order);
      await send(OrderRejected, order);
    });
}
