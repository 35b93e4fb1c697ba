import type { Storage } from "../ports/storage.ts";
import type { AmbientTransaction } from "./ambient-transaction.ts";

/** The same storage, whose transactions and savepoints are the ambient transaction of the work they run. */
export function ambientStorage<Tx>(storage: Storage<Tx>, ambient: AmbientTransaction<Tx>): Storage<Tx> {
  return {
    name: storage.name,
    outbox: storage.outbox,
    relay: storage.relay,
    parked: storage.parked,
    inbox: storage.inbox,
    deadLetters: storage.deadLetters,
    jobs: storage.jobs,
    check: (source) => storage.check(source),
    transaction: (work, options) =>
      storage.transaction((tx) => ambient.run(tx, () => work(tx), options?.signal), options),
    claimed: (request, work, options) =>
      storage.claimed(
        request,
        (tx, claim) => ambient.run(tx, () => work(tx, claim), options?.signal),
        options,
      ),
    savepoint: (tx, work, options) =>
      storage.savepoint(tx, (inner) => ambient.run(inner, () => work(inner), options?.signal), options),
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  };
}
