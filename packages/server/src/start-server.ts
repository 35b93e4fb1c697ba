import { WaybillError } from "@waybill/core";
import { z } from "zod";
import { AmqpServer } from "./amqp-server.ts";
import { limitsSchema, type ResolvedServerLimits, type ServerLimits } from "./limits.ts";
import type { RunningServer, ServerOptions } from "./options.ts";

/**
 * Serves an open engine to AMQP 0-9-1 clients, in RabbitMQ's dialect. What a client was told is confirmed is on disk; a
 * client that breaks the protocol, or a limit, loses its own channel or connection and nothing else.
 *
 * When the engine fails, every connection is closed with 541 and nothing is confirmed any more; `onEvent` tells.
 *
 * @throws WaybillError `OPTIONS_INVALID`
 * @throws what Node's `listen` throws (`EADDRINUSE`, `EACCES`); nothing is listened on then
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { engine, authenticator, listen, version = "0.1.0", onEvent = () => {} } = options;
  const limits = resolveLimits(options.limits ?? {});
  const server = new AmqpServer({ engine, authenticator, limits, version, onEvent });
  try {
    for (const on of listen) await server.listen(on);
  } catch (error) {
    await server.close({ deadlineMs: 0 });
    throw error;
  }
  return server;
}

function resolveLimits(limits: ServerLimits): ResolvedServerLimits {
  const parsed = limitsSchema.safeParse(limits);
  if (parsed.success) return parsed.data;
  throw new WaybillError("OPTIONS_INVALID", `startServer: ${z.prettifyError(parsed.error)}`, {
    cause: parsed.error,
  });
}
