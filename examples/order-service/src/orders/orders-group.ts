import type { Waybill } from "@waybill/core";
import type { Tx } from "../open-database.ts";
import { noteHandled } from "../order-history.ts";
import { OrderConfirmed, OrderRejected } from "../topics.ts";
import { endOrder } from "./end-order.ts";

const GROUP = "orders";

/** Ends every order: confirmed when it is paid, else rejected. */
export function registerOrders(waybill: Waybill<Tx>): void {
  waybill
    .consumer(GROUP)
    .on(OrderConfirmed, async (order, { tx, message }) => {
      await endOrder(tx, order, { status: "confirmed" });
      await noteHandled(tx, GROUP, message.topic, order);
    })
    .on(OrderRejected, async (order, { tx, message }) => {
      await endOrder(tx, order, { status: "rejected", rejection_reason: order.reason });
      await noteHandled(tx, GROUP, message.topic, order);
    });
}
