import type { Producer } from "kafkajs";
import { disconnect, type KafkaClient } from "../kafkajs/client.ts";
import { type Outlet, sendAll, type SendOptions } from "./outlet.ts";
import type { Sendable } from "./publish-plan.ts";

/** Sends outside a relay: idempotent, without transactions. */
export class PlainOutlet implements Outlet {
  readonly #client: KafkaClient;
  readonly #options: SendOptions;
  #producer: Promise<Producer> | null = null;

  constructor(client: KafkaClient, options: SendOptions) {
    this.#client = client;
    this.#options = options;
  }

  async send(sendables: readonly Sendable[]): Promise<void> {
    this.#producer ??= this.#client.plainProducer();
    const producing = this.#producer;
    try {
      await sendAll(await producing, sendables, this.#options);
    } catch (error) {
      // Its sequence numbers may no longer be those of the server.
      if (this.#producer === producing) this.discard();
      throw error;
    }
  }

  discard(): void {
    void this.close();
  }

  async close(): Promise<void> {
    const producing = this.#producer;
    this.#producer = null;
    const producer = await producing?.catch(() => undefined);
    if (producer !== undefined) await disconnect(producer);
  }
}
