import type { Claim, ClaimRequest, InboxStore } from "@waybill/core";
import { run } from "../connection/run.ts";
import type { Parts } from "../parts.ts";
import { present, storable } from "../text.ts";
import { messageUuid } from "./message-uuid.ts";

/** What groups have applied, on PostgreSQL. */
export class PostgresInbox<Tx> implements InboxStore<Tx> {
  readonly #parts: Parts<Tx>;

  constructor(parts: Parts<Tx>) {
    this.#parts = parts;
  }

  async claim(tx: Tx, request: ClaimRequest): Promise<Claim> {
    const connection = await this.#parts.database.connectionOf(tx);
    const { group, envelope, ordered, parkedId } = request;
    const { id, source, position, topic, partition, key } = envelope;
    const [row] = await run(connection, this.#parts.sql.inbox.claim, [
      group,
      messageUuid(id),
      storable(source),
      position?.incarnation ?? null,
      storable(topic),
      partition,
      position?.sequence ?? null,
      key === null ? null : storable(key),
      storable(id),
      ordered,
      parkedId,
    ]);
    return present(row?.[0]) as Claim;
  }

  async unclaim(tx: Tx, group: string, messageId: string): Promise<void> {
    const connection = await this.#parts.database.connectionOf(tx);
    await run(connection, this.#parts.sql.inbox.unclaim, [group, messageUuid(messageId)]);
  }

  async fold(olderThanMs: number, limit: number): Promise<number> {
    const { database, sql } = this.#parts;
    const [row] = await database.connected((connection) =>
      run(connection, sql.inbox.fold, [olderThanMs, limit]),
    );
    return Number(row?.[0]);
  }
}
