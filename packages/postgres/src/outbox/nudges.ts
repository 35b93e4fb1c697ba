import { createHash } from "node:crypto";
import type { ClientBase } from "pg";
import type { Database, Reserved } from "../connection/database.ts";

const LISTEN_AGAIN_AFTER_MS = 1_000;

/** The notification channel of a schema. */
export function channelOf(schema: string): string {
  return `waybill_${createHash("sha256").update(schema).digest("hex").slice(0, 24)}`;
}

/**
 * Listens on a connection of its own until the answer is called; listens again when the connection is lost. Every
 * failure is silent: nudges are hints. A pool of one has no connection to spare, and behind a pooler nobody knows which
 * session would listen: both get none.
 */
export async function listen(
  database: Pick<Database<never>, "reserve" | "connectionsMax">,
  channel: string,
  listener: () => void,
): Promise<() => Promise<void>> {
  if (database.connectionsMax <= 1) return async () => undefined;
  const listening = new Listening(database, channel, listener);
  await listening.start();
  return () => listening.stop();
}

class Listening {
  readonly #database: Pick<Database<never>, "reserve">;
  readonly #channel: string;
  readonly #listener: () => void;
  #reserved: Reserved | undefined;
  #again: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(database: Pick<Database<never>, "reserve">, channel: string, listener: () => void) {
    this.#database = database;
    this.#channel = channel;
    this.#listener = listener;
  }

  async start(): Promise<void> {
    let reserved: Reserved | undefined;
    try {
      reserved = await this.#database.reserve();
      this.#reserved = reserved;
      const { client } = reserved.connection;
      if (await isPooled(client)) {
        this.#reserved = undefined;
        await reserved.giveBack(true);
        return;
      }
      client.on("notification", this.#onNotification);
      client.on("end", this.#onEnd);
      await client.query(`listen ${this.#channel}`);
      if (this.#stopped) await this.stop();
    } catch {
      await this.#lost(reserved);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#again);
    const reserved = this.#reserved;
    this.#reserved = undefined;
    if (reserved === undefined) return;
    const { client } = reserved.connection;
    this.#detach(reserved);
    const sound = await client.query(`unlisten ${this.#channel}`).then(
      () => true,
      () => false,
    );
    await reserved.giveBack(sound).catch(() => undefined);
  }

  readonly #onNotification = (message: { readonly channel: string }): void => {
    if (message.channel === this.#channel) this.#listener();
  };

  readonly #onEnd = (): void => void this.#lost(this.#reserved);

  #detach({ connection }: Reserved): void {
    connection.client.off("notification", this.#onNotification);
    connection.client.off("end", this.#onEnd);
  }

  async #lost(reserved: Reserved | undefined): Promise<void> {
    if (this.#stopped || this.#reserved !== reserved) return;
    this.#reserved = undefined;
    if (reserved !== undefined) {
      this.#detach(reserved);
      await reserved.giveBack(false).catch(() => undefined);
    }
    this.#again = setTimeout(() => void this.start(), LISTEN_AGAIN_AFTER_MS);
    this.#again.unref();
  }
}

/** Whether statements run in another session than the one that was connected to, as behind PgBouncer. */
async function isPooled(client: ClientBase & { readonly processID?: number | null }): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  const { processID } = client;
  return typeof processID === "number" && Number(rows[0]?.pid) !== processID;
}
