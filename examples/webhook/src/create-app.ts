import { createWaybill } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import { fastify, type FastifyInstance } from "fastify";
import type { Knex } from "knex";
import { z } from "zod";
import { PaymentReceived } from "./topics.ts";

/** What the payment provider posts. It posts the same event again until it gets an answer, and sometimes after that. */
const paymentEvent = z.object({ id: z.string().min(1), orderId: z.string(), cents: z.int() });
type PaymentEvent = z.output<typeof paymentEvent>;

/** The service that takes the provider's webhooks. */
export function createApp(knex: Knex): FastifyInstance {
  const waybill = createWaybill({ source: "payments", storage: postgresStorage({ knex }) });

  /** Books a payment once: its row, its message and the record that it was applied commit together. */
  const receive = waybill.idempotent(
    async (event: PaymentEvent) => {
      const tx = waybill.currentTransaction();
      const [booked] = await tx<{ payment_id: number; order_id: string; cents: number }>("payments")
        .insert({ order_id: event.orderId, cents: event.cents })
        .returning("payment_id");
      await waybill.send(tx, PaymentReceived, { orderId: event.orderId, cents: event.cents });
      return { paymentId: booked?.payment_id };
    },
    { group: "provider-webhook", id: (event) => event.id, storeResult: true },
  );

  const app = fastify();
  app.post("/webhooks/payments", async (request, reply) => {
    const event = paymentEvent.safeParse(request.body);
    if (!event.success) return reply.code(400).send({ message: z.prettifyError(event.error) });
    return receive(event.data);
  });
  app.addHook("onClose", () => waybill.stop());
  return app;
}
