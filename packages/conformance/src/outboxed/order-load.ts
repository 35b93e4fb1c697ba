import type { TsProcess } from "@waybill/services";

/** Orders that are placed without end at a service which may be killed at any time. */
export interface OrderLoad {
  /** Answered with 201. */
  readonly booked: number;
  /** Orders that the service rolled back, as it was meant to. */
  readonly refused: number;
  stop(): Promise<void>;
}

const CLIENTS = 4;

/** Places an order at a service that listens on the port it named when it was ready. Answers the status. */
export async function placeOrder(service: TsProcess, order: object): Promise<number> {
  const { port } = await service.ready();
  const request = { method: "POST", body: JSON.stringify(order), signal: AbortSignal.timeout(5_000) };
  const response = await fetch(`http://127.0.0.1:${Number(port)}/orders`, request);
  await response.text();
  return response.status;
}

/** Places orders `load-1`, `load-2`, …, four at a time, every tenth of which is rolled back. What fails is not tried again. */
export function startOrderLoad(service: () => TsProcess, orderOf: (no: number) => object): OrderLoad {
  const ended = new AbortController();
  let next = 0;
  let booked = 0;
  let refused = 0;
  async function place(no: number): Promise<void> {
    const soldOut = no % 10 === 0;
    const order = { ...orderOf(no), orderId: `load-${no}`, sku: soldOut ? "sold-out" : "tea" };
    try {
      const status = await placeOrder(service(), order);
      if (status === 201) booked += 1;
      else if (soldOut) refused += 1;
    } catch {
      // The service was killed: the order may be there or not, and so may its message.
    }
  }
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!ended.signal.aborted) {
      next += 1;
      await place(next);
    }
  });
  return {
    get booked() {
      return booked;
    },
    get refused() {
      return refused;
    },
    async stop() {
      ended.abort();
      await Promise.all(clients);
    },
  };
}
