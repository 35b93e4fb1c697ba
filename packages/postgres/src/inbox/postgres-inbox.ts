import type { Claim, ClaimRequest, FirstClaim, InboxStore, Recorded } from "@waybill/core";
import type { First } from "../connection/open-transaction.ts";
import { run, type Row } from "../connection/run.ts";
import type { Parts } from "../parts.ts";
import { present, storable } from "../text.ts";
import { messageUuid } from "./message-uuid.ts";
import { plainClaim } from "./plain-claim.ts";
import { StreamIds } from "./stream-ids.ts";

/** So many claims of a group go by the function before the plain statements are tried again. */
const CLAIMS_WHILE_PARKED = 50;

/** What groups have applied, on PostgreSQL. */
export class PostgresInbox<Tx> implements InboxStore<Tx> {
  readonly #parts: Parts<Tx>;
  readonly #streams = new StreamIds();
  /** How often groups that were found to have parked something still claim by the function, which can tell more. */
  readonly #parking = new Map<string, number>();

  constructor(parts: Parts<Tx>) {
    this.#parts = parts;
  }

  async claim(tx: Tx, request: ClaimRequest): Promise<Claim> {
    const connection = await this.#parts.database.connectionOf(tx);
    const { statement, values } = this.#claimStatement(request);
    return this.claimOf(request, await run(connection, statement, values));
  }

  /** How a transaction that begins with a claim does so. */
  firstOf(request: ClaimRequest): First {
    const stream = this.#streams.of(request);
    const plain = (request.delivery ?? 0) === 0 && request.parkedId === null && stream !== null;
    const onParked = (): void => void this.#parking.set(request.group, CLAIMS_WHILE_PARKED);
    const inParts =
      plain && !this.#mayHaveParked(request.group)
        ? plainClaim(this.#parts.sql.inbox, request, stream, onParked)
        : null;
    return { whole: () => this.#claimStatement(request), inParts };
  }

  #mayHaveParked(group: string): boolean {
    const left = this.#parking.get(group) ?? 0;
    if (left > 1) this.#parking.set(group, left - 1);
    else this.#parking.delete(group);
    return left > 0;
  }

  #claimStatement(request: ClaimRequest): ReturnType<First["whole"]> {
    const { inbox } = this.#parts.sql;
    const { group, envelope, ordered, parkedId, delivery = 0 } = request;
    const { id, source, position, topic, partition, key } = envelope;
    const storableKey = key === null ? null : storable(key);
    if (delivery > 0) {
      const ordering = [storable(topic), storableKey, ordered, parkedId];
      return { statement: inbox.claimAgain, values: [group, messageUuid(id), delivery, ...ordering] };
    }
    return {
      statement: inbox.claim,
      values: [
        group,
        messageUuid(id),
        storable(source),
        position?.incarnation ?? null,
        storable(topic),
        partition,
        position?.sequence ?? null,
        storableKey,
        storable(id),
        ordered,
        parkedId,
        this.#streams.of(request),
      ],
    };
  }

  /** What a claim answered. Behind it is the id of its stream, if it was another than was given. */
  claimOf(request: FirstClaim, [row]: readonly Row[]): Claim {
    const answer = present(row?.[0]);
    const end = answer.indexOf(" ");
    if (end === -1) return answer as Claim;
    this.#streams.set(request, answer.slice(end + 1));
    return answer.slice(0, end) as Claim;
  }

  async claimMany(tx: Tx, requests: readonly FirstClaim[]): Promise<readonly Claim[]> {
    const [first] = requests;
    if (first === undefined) return [];
    const connection = await this.#parts.database.connectionOf(tx);
    const envelopes = requests.map(({ envelope }) => envelope);
    const rows = await run(connection, this.#parts.sql.inbox.claimMany, [
      first.group,
      envelopes.map(({ id }) => messageUuid(id)),
      envelopes.map(({ source }) => storable(source)),
      envelopes.map(({ position }) => position?.incarnation ?? null),
      envelopes.map(({ topic }) => storable(topic)),
      envelopes.map(({ partition }) => partition),
      envelopes.map(({ position }) => position?.sequence ?? null),
      envelopes.map(({ key }) => (key === null ? null : storable(key))),
      envelopes.map(({ id }) => storable(id)),
      requests.map(({ ordered }) => String(ordered)),
      requests.map((request) => this.#streams.of(request)),
    ]);
    return requests.map((request, index) => this.claimOf(request, rows.slice(index, index + 1)));
  }

  async unclaim(tx: Tx, group: string, messageId: string, delivery = 0): Promise<void> {
    const connection = await this.#parts.database.connectionOf(tx);
    if (delivery > 0) {
      await run(connection, this.#parts.sql.inbox.unclaimAgain, [group, messageUuid(messageId), delivery]);
      return;
    }
    await run(connection, this.#parts.sql.inbox.unclaim, [group, messageUuid(messageId)]);
  }

  async start(group: string, messageId: string, alone: boolean): Promise<number | null> {
    const { database, sql } = this.#parts;
    const values = [group, messageUuid(messageId), storable(messageId), alone];
    const [row] = await database.connected((connection) => run(connection, sql.inbox.start, values));
    const starts = row?.[0] ?? null;
    return starts === null ? null : Number(starts);
  }

  async unstart(group: string, messageId: string): Promise<void> {
    const { database, sql } = this.#parts;
    const values = [group, messageUuid(messageId)];
    await database.connected((connection) => run(connection, sql.inbox.unstart, values));
  }

  async forgetStarts(tx: Tx, group: string, messageId: string): Promise<void> {
    const connection = await this.#parts.database.connectionOf(tx);
    await run(connection, this.#parts.sql.inbox.forgetStarts, [group, messageUuid(messageId)]);
  }

  async record(tx: Tx, group: string, messageId: string): Promise<Recorded> {
    const connection = await this.#parts.database.connectionOf(tx);
    const values = [group, messageUuid(messageId)];
    const [row] = await run(connection, this.#parts.sql.inbox.record, values);
    return present(row?.[0]) === "yes" ? { first: true } : { first: false, result: row?.[1] ?? null };
  }

  async keepResult(tx: Tx, group: string, messageId: string, result: string): Promise<void> {
    const connection = await this.#parts.database.connectionOf(tx);
    await run(connection, this.#parts.sql.inbox.keepResult, [group, messageUuid(messageId), result]);
  }

  async forget(olderThanMs: number, limit: number): Promise<number> {
    const { database, sql } = this.#parts;
    const [row] = await database.connected((connection) =>
      run(connection, sql.inbox.forget, [olderThanMs, limit]),
    );
    return Number(row?.[0]);
  }

  async fold(olderThanMs: number, limit: number): Promise<number> {
    const { database, sql } = this.#parts;
    const [row] = await database.connected((connection) =>
      run(connection, sql.inbox.fold, [olderThanMs, limit]),
    );
    return Number(row?.[0]);
  }
}
