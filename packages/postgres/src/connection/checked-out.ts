import type { Pool, PoolClient } from "pg";
import { isConnectionError, unavailable } from "./driver-error.ts";

/**
 * Runs `work` with a client of the pool. While it is out, the pool does not listen for its errors, so this does; a
 * client that broke is destroyed instead of being given back.
 *
 * @throws WaybillError `STORAGE_UNAVAILABLE` when no client can be had
 */
export async function checkedOut<T>(
  pool: Pool,
  work: (client: PoolClient, broken: () => unknown) => Promise<T>,
): Promise<T> {
  const client = await connect(pool);
  let broken: unknown;
  const onError = (error: unknown): void => {
    broken ??= error;
  };
  client.on("error", onError);
  try {
    return await work(client, () => broken);
  } catch (error) {
    if (isConnectionError(error)) broken ??= error;
    throw error;
  } finally {
    client.off("error", onError);
    client.release(broken !== undefined || client.getTransactionStatus() !== "I");
  }
}

async function connect(pool: Pool): Promise<PoolClient> {
  try {
    return await pool.connect();
  } catch (error) {
    throw unavailable(error);
  }
}
