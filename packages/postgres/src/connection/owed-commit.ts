import type { ClientBase } from "pg";
import { commit } from "./commit.ts";
import type { Flight } from "./flight.ts";

/** A COMMIT that whoever takes the connection next sends, with what its own transaction begins with behind it. */
export class OwedCommit {
  readonly #client: ClientBase;
  #sent: Promise<void> | null = null;

  constructor(client: ClientBase) {
    this.#client = client;
  }

  /** Sends it, and behind it in the same piece what `next` consists of. The server answers each by itself. */
  send(next: Flight): void {
    this.#sent = commit(this.#client, undefined, next);
    this.#sent.catch(() => undefined); // Told to whoever awaits `outcome`.
  }

  /** Sends it alone, unless it was sent. Settles like `commit`. */
  outcome(): Promise<void> {
    return (this.#sent ??= commit(this.#client, undefined));
  }
}
