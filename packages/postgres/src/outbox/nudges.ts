import { createHash } from "node:crypto";
import type { Database } from "../connection/database.ts";

const LISTEN_AGAIN_AFTER_MS = 1_000;

/** The notification channel of a schema. */
export function channelOf(schema: string): string {
  return `waybill_${createHash("sha256").update(schema).digest("hex").slice(0, 24)}`;
}

/**
 * Listens on a connection of its own until the answer is called; listens again when the connection is lost. Every
 * failure is silent: nudges are hints. A pool of one has no connection to spare, and gets none.
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
  #end: (() => Promise<void>) | undefined;
  #again: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(database: Pick<Database<never>, "reserve">, channel: string, listener: () => void) {
    this.#database = database;
    this.#channel = channel;
    this.#listener = listener;
  }

  async start(): Promise<void> {
    try {
      const { connection, end } = await this.#database.reserve();
      if (this.#stopped) return await end();
      this.#end = end;
      const { client } = connection;
      client.on("notification", (message) => {
        if (message.channel === this.#channel) this.#listener();
      });
      client.on("end", () => void this.#lost(end));
      await client.query(`listen ${this.#channel}`);
    } catch {
      await this.#lost(this.#end);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#again);
    const end = this.#end;
    this.#end = undefined;
    await end?.().catch(() => undefined);
  }

  async #lost(end: (() => Promise<void>) | undefined): Promise<void> {
    if (this.#stopped || this.#end !== end) return;
    this.#end = undefined;
    await end?.().catch(() => undefined);
    this.#again = setTimeout(() => void this.start(), LISTEN_AGAIN_AFTER_MS);
    this.#again.unref();
  }
}
