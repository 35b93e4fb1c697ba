import { onTestFinished } from "vitest";
import { z } from "zod";
import {
  createWaybill,
  defineTopic,
  memoryBroker,
  memoryStorage,
  type MemoryBroker,
  type MemoryStorage,
  type MemoryTransaction,
  type Waybill,
  type WaybillEvent,
  type WaybillOptions,
} from "../../src/index.ts";
import { manualCron, type ManualCron } from "./manual-cron.ts";

export const Placed = defineTopic("order.placed", {
  version: 1,
  schema: z.object({ order: z.string(), no: z.number() }),
  key: (placed) => placed.order,
});

export const Reserved = defineTopic("stock.reserved", {
  version: 1,
  schema: z.object({ order: z.string() }),
  key: (reserved) => reserved.order,
});

/** A whole Waybill on memory adapters. */
export interface Bed {
  readonly storage: MemoryStorage;
  readonly broker: MemoryBroker;
  readonly waybill: Waybill<MemoryTransaction>;
  readonly cron: ManualCron;
  readonly events: WaybillEvent[];
  /** Sends `order.placed` messages of one key in a transaction each. */
  readonly place: (order: string, ...numbers: number[]) => Promise<void>;
}

export function createBed(options: Partial<WaybillOptions<MemoryTransaction>> = {}): Bed {
  const storage = memoryStorage();
  const broker = memoryBroker();
  const cron = manualCron();
  const events: WaybillEvent[] = [];
  const waybill = createWaybill({
    source: "orders",
    storage,
    broker,
    cron,
    relay: { pollBusyMs: 1, pollIdleMs: 2 },
    onEvent: (event) => events.push(event),
    ...options,
  });
  onTestFinished(() => waybill.stop({ deadlineMs: 500 }));
  return {
    storage,
    broker,
    waybill,
    cron,
    events,
    async place(order, ...numbers) {
      for (const no of numbers) {
        await storage.transaction(async (tx) => {
          await waybill.send(tx, Placed, { order, no });
        });
      }
    },
  };
}
