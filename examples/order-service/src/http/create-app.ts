import type { Waybill } from "@waybill/core";
import { fastify, type FastifyInstance } from "fastify";
import type { Knex } from "knex";
import { z } from "zod";
import type { Tx } from "../open-database.ts";
import { findOrder } from "../orders/find-order.ts";
import { placeOrder } from "../orders/place-order.ts";
import { orderBody } from "./order-body.ts";

/** The HTTP service. It touches nothing but the database: orders are taken also while broker and worker are away. */
export function createApp(knex: Knex, waybill: Waybill<Tx>): FastifyInstance {
  const app = fastify();

  app.post("/orders", async (request, reply) => {
    const body = orderBody.safeParse(request.body);
    if (!body.success)
      return reply.code(400).send({ code: "BODY_INVALID", message: z.prettifyError(body.error) });
    const order = await placeOrder(knex, waybill, body.data);
    return reply.code(201).send({ ...order, status: "placed" });
  });

  app.get<{ Params: { id: string } }>("/orders/:id", async (request, reply) => {
    const order = await findOrder(knex, request.params.id);
    return (
      order ??
      reply.code(404).send({ code: "UNKNOWN_ORDER", message: `there is no order ${request.params.id}` })
    );
  });

  app.get("/health", async (_request, reply) => {
    const health = await waybill.health();
    return reply.code(health.status === "up" ? 200 : 503).send(health);
  });

  return app;
}
