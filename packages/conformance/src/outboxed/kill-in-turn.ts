import { waitFor, type TsProcess } from "@waybill/services";
import { expect } from "vitest";
import { startOrderLoad } from "./order-load.ts";

/** A service that publishes through the outbox, and its broker. */
export interface OutboxedService {
  start(): Promise<TsProcess>;
  readonly broker: { kill(): Promise<void>; start(): Promise<unknown> };
  /** What an order has besides its id and what is ordered. */
  readonly orderOf: (no: number) => object;
  /** The ids of the orders that are committed. */
  committed(): Promise<string[]>;
}

const ROUNDS = 4;

/** Kills the service and its broker in turn while orders come in. Answers the orders that are committed in the end. */
export async function killInTurn(service: OutboxedService): Promise<string[]> {
  let running = await service.start();
  const load = startOrderLoad(() => running, service.orderOf);
  const booked = (count: number, describe: string): Promise<unknown> => {
    const before = load.booked;
    return waitFor(() => load.booked >= before + count, { deadlineMs: 60_000, describe });
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    await booked(100, "100 more orders");
    if (round % 2 === 0) {
      running.kill("SIGKILL");
      await running.exited;
      running = await service.start();
    } else {
      await service.broker.kill();
      await booked(50, "orders without the broker");
      await service.broker.start();
    }
  }
  await load.stop();
  const committed = await service.committed();
  expect(committed.length).toBeGreaterThan(500);
  expect(load.refused, "orders that were rolled back").toBeGreaterThan(20);
  return committed;
}
