import {
  memoryBroker,
  memoryStorage,
  type Broker,
  type ClaimRequest,
  type MemoryStorage,
  type MemoryTransaction,
  type Waybill,
} from "@waybill/core";
import { fakeClock } from "@waybill/testing";
import { Placed } from "./orders.ts";

/** Handlers, storages and brokers that are wrong in a known way. A kit that finds none of them proves nothing. */

/** Calls another system in the handler, which no transaction takes back. */
export function effectOutside(outside: { charged: number }): (waybill: Waybill<MemoryTransaction>) => void {
  return (waybill) => {
    waybill.consumer("billing").on(Placed, async (_placed, { tx }) => {
      outside.charged += 1;
      await tx.set("charged", true);
    });
  };
}

/** Notes in its own transaction that it was here, before the one that counts commits. */
export function effectInItsOwnTransaction(storage: MemoryStorage) {
  return (waybill: Waybill<MemoryTransaction>): void => {
    waybill.consumer("billing").on(Placed, async (_placed, { tx }) => {
      await storage.transaction((own) => own.update("charges", (charges) => Number(charges ?? 0) + 1));
      await tx.set("charged", true);
    });
  };
}

/** Takes what it has done for done because it remembers it, which a new process does not. */
export function remembersInMemory(): (waybill: Waybill<MemoryTransaction>) => void {
  return (waybill) => {
    let total = 0;
    waybill.consumer("billing").on(Placed, async ({ quantity }, { tx }) => {
      total += quantity;
      await tx.set("total", total);
    });
  };
}

/** A client that acknowledges a message as soon as it has it. */
export function acksBeforeCommit(broker: Broker): Broker {
  return overridden(broker, {
    subscribe: (options, onDelivery) =>
      broker.subscribe(options, (delivery) => {
        void onDelivery(delivery);
        return Promise.resolve({ kind: "ack" });
      }),
  });
}

/** A broker that confirms and keeps nothing of every second message. */
export function forgetsConfirmed(broker: Broker): Broker {
  let published = 0;
  return overridden(broker, {
    async publish(batch, options) {
      const kept = batch.filter(() => (published += 1) % 2 === 1);
      await broker.publish(kept, options);
      return batch.map(() => ({ kind: "confirmed" }));
    },
  });
}

export interface Sites {
  readonly clock: ReturnType<typeof fakeClock>;
  readonly database: MemoryStorage;
}

/** Storage in memory with the clock of a bed. */
export function site(): Sites {
  const clock = fakeClock();
  return { clock, database: memoryStorage({ source: "test", clock }) };
}

/** Records what a group has applied a little later: effects commit before their inbox record. */
export function recordsAfterCommit(database: MemoryStorage): MemoryStorage {
  let waiting: ClaimRequest[] = [];
  const flush = async (): Promise<void> => {
    const requests = waiting;
    waiting = [];
    for (const request of requests) await database.transaction((tx) => database.inbox.claim(tx, request));
  };
  return overridden(database, {
    inbox: overridden(database.inbox, {
      async claim(_tx, request) {
        const claim = await database.transaction(async (own) => {
          const answer = await database.inbox.claim(own, request);
          if (answer === "claimed") await database.inbox.unclaim(own, request.group, request.envelope.id);
          return answer;
        });
        if (claim === "claimed") waiting.push(request);
        return claim;
      },
    }),
    async transaction(work) {
      await flush();
      return database.transaction(work);
    },
  });
}

/** Records what a group has applied in a transaction of its own, before the effects commit. */
export function recordsBeforeEffects(database: MemoryStorage): MemoryStorage {
  return overridden(database, {
    inbox: overridden(database.inbox, {
      claim: (_tx, request) => database.transaction((own) => database.inbox.claim(own, request)),
    }),
  });
}

/** Never records anything. */
export function recordsNothing(database: MemoryStorage): MemoryStorage {
  return overridden(database, {
    inbox: overridden(database.inbox, { claim: () => Promise.resolve("claimed") }),
  });
}

/** Moves the cursor of the relay when it opens a window, before anything of it is confirmed. */
export function settlesBeforePublishing(database: MemoryStorage): MemoryStorage {
  return overridden(database, {
    relay: overridden(database.relay, {
      apply: (lease, step) =>
        database.relay.apply(
          lease,
          step.window === null ? step : { ...step, from: step.window.to, window: null },
        ),
    }),
  });
}

export function brokerOf({ clock }: Sites): Broker {
  return memoryBroker({ clock });
}

function overridden<T extends object>(original: T, change: Partial<T>): T {
  return new Proxy(original, {
    get(target, name) {
      const value: unknown = change[name as keyof T] ?? Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
