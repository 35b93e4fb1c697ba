import type { ConnectionToken } from "../contract.ts";
import type { Queue } from "../queue/queue.ts";

/** The queues of one virtual host that belong to a connection. */
export class ExclusiveQueues {
  readonly #owned = new Map<ConnectionToken, Set<Queue>>();

  of(connection: ConnectionToken): ReadonlySet<Queue> {
    return this.#owned.get(connection) ?? new Set();
  }

  add(queue: Queue): void {
    const { owner } = queue;
    if (owner === null) return;
    const owned = this.#owned.get(owner);
    if (owned === undefined) this.#owned.set(owner, new Set([queue]));
    else owned.add(queue);
  }

  remove(queue: Queue): void {
    const { owner } = queue;
    if (owner === null) return;
    const owned = this.#owned.get(owner);
    owned?.delete(queue);
    if (owned?.size === 0) this.#owned.delete(owner);
  }
}
