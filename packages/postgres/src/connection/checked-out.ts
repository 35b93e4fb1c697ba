import type { Pool, PoolClient } from "pg";
import type { Flight } from "./flight.ts";
import type { OwedCommit } from "./owed-commit.ts";
import { isConnectionError, unavailable } from "./driver-error.ts";

/**
 * A client of a pool, as long as it is out. The pool does not listen for its errors meanwhile, so this does; a client
 * that broke is destroyed instead of being given back.
 */
export class CheckedOut {
  readonly client: PoolClient;
  /** The error with which the connection broke. */
  broken: unknown = undefined;
  /** How many had it, one after another. */
  uses = 0;
  /** Nobody else is to have it. */
  condemned = false;
  /** What whoever takes it sends first. */
  owed: OwedCommit | null = null;
  readonly #onError = (error: unknown): void => {
    this.broken ??= error;
  };

  constructor(client: PoolClient) {
    this.client = client;
    client.on("error", this.#onError);
  }

  /** Whether nothing is known against it. */
  get isUnhurt(): boolean {
    return !this.condemned && this.broken === undefined;
  }

  /** Whether somebody else can use it. */
  get isSound(): boolean {
    return this.isUnhurt && this.client.getTransactionStatus() === "I";
  }

  /** Sends a flight, behind the COMMIT that is owed. */
  send(flight: Flight): void {
    const { owed } = this;
    this.owed = null;
    if (owed === null) this.client.query(flight);
    else owed.send(flight);
  }

  /** Sends the COMMIT that is owed, if nothing else did. Its outcome is for who left it. */
  async settleOwed(): Promise<void> {
    const { owed } = this;
    this.owed = null;
    await owed?.outcome().catch(() => undefined);
  }

  /** What was done with it failed with `error`. */
  failed(error: unknown): void {
    if (isConnectionError(error)) this.broken ??= error;
  }

  release(): void {
    this.client.off("error", this.#onError);
    this.client.release(!this.isSound);
  }
}

/** How connections are had and given back. */
export interface Lender {
  /** @throws WaybillError `STORAGE_UNAVAILABLE` when none can be had */
  take(): Promise<CheckedOut>;
  giveBack(lent: CheckedOut): void;
}

/** One by one. */
export function lendingOf(pool: Pool): Lender {
  return { take: () => checkOut(pool), giveBack: (lent) => lent.release() };
}

/** Runs `work` with a client of the pool. @throws WaybillError `STORAGE_UNAVAILABLE` when none can be had */
export async function checkedOut<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const lent = await checkOut(pool);
  try {
    return await work(lent.client);
  } catch (error) {
    lent.failed(error);
    throw error;
  } finally {
    lent.release();
  }
}

/** @throws WaybillError `STORAGE_UNAVAILABLE` when none can be had */
export async function checkOut(pool: Pool): Promise<CheckedOut> {
  try {
    return new CheckedOut(await pool.connect());
  } catch (error) {
    throw unavailable(error);
  }
}
