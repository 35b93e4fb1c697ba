import { createRelay, type Broker, type WaybillEvent } from "@waybill/core";
import { postgresStorage } from "@waybill/postgres";
import type { Pool } from "pg";

/** Messages per second from a filled outbox to the confirms of a broker. The outbox holds `count` new messages. */
export async function drainOutbox(pool: Pool, broker: Broker, count: number): Promise<number> {
  const done = Promise.withResolvers<void>();
  let published = 0;
  const onEvent = (event: WaybillEvent): void => {
    if (event.type === "message.parked" || event.type === "message.dead")
      done.reject(new Error(`a message was not confirmed: ${event.error}`));
    if (event.type !== "relay.published") return;
    published += event.count;
    if (published >= count) done.resolve();
  };
  const relay = createRelay({ source: "bench", storage: postgresStorage({ pool }), broker, onEvent });
  const begun = performance.now();
  await relay.lead();
  await done.promise;
  const seconds = (performance.now() - begun) / 1_000;
  await relay.stop();
  return published / seconds;
}
