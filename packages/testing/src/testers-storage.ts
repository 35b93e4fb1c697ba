import type { Storage } from "@waybill/core";
import { guardedPort } from "./guarded-port.ts";
import type { Journal } from "./journal.ts";
import { IMMORTAL } from "./life.ts";

/** The storage as the test's own Waybill sees it: it never dies, and tells no process that something was sent. */
export function testersStorage<Tx>(storage: Storage<Tx>, journal: Pick<Journal, "due">): Storage<Tx> {
  const outbox = guardedPort(storage.outbox, "storage.outbox", IMMORTAL, {
    sync: ["assertTransaction", "afterCommit"],
    instead: { nudge: () => Promise.resolve() },
  });
  return {
    name: storage.name,
    outbox,
    relay: storage.relay,
    parked: guardedPort(storage.parked, "storage.parked", IMMORTAL),
    inbox: guardedPort(storage.inbox, "storage.inbox", IMMORTAL),
    deadLetters: guardedPort(storage.deadLetters, "storage.deadLetters", IMMORTAL, {
      instead: {
        retry(tx, chosen, act) {
          for (const { dueAt } of chosen) journal.due(dueAt);
          return storage.deadLetters.retry(tx, chosen, act);
        },
      },
    }),
    jobs: storage.jobs,
    check: (source) => storage.check(source),
    transaction: (work, options) => storage.transaction(work, options),
    claimed: (request, work, options) => storage.claimed(request, work, options),
    savepoint: (tx, work, options) => storage.savepoint(tx, work, options),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
