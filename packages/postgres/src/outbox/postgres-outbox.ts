import type {
  DedupClaim,
  NewMessage,
  OpenedWindow,
  OutboxRow,
  OutboxStore,
  Snapshot,
  StorageSettings,
  Window,
} from "@waybill/core";
import { JSON_CONTENT } from "@waybill/core/internal";
import { checkSettings } from "../check/check-settings.ts";
import { insert, leanInsert, type LeanValue } from "../connection/insert.ts";
import { run, type Connection, type SqlConnection, type Value } from "../connection/run.ts";
import type { Parts } from "../parts.ts";
import { claimDedupKeys } from "./claim-dedup-keys.ts";
import { LeafClock } from "./leaf-clock.ts";
import { channelOf, listen } from "./nudges.ts";
import { purgeLeaves } from "./purge-leaves.ts";
import { readAnswer } from "./window-rows.ts";

/** The append-only outbox on PostgreSQL. */
export class PostgresOutbox<Tx> implements OutboxStore<Tx> {
  readonly #parts: Parts<Tx>;
  readonly #settings = new Map<string, StorageSettings>();
  /** Unknown until the settings were read. */
  #leaves: LeafClock | undefined;
  readonly #listening = new Set<() => Promise<void>>();
  /** The source of the schema, which every row belongs to. */
  #source: string | undefined;
  #server: string | undefined;

  constructor(parts: Parts<Tx>) {
    this.#parts = parts;
  }

  assertTransaction(tx: Tx): void {
    this.#parts.database.assertTransaction(tx);
  }

  settings(tx: Tx, source: string): StorageSettings | Promise<StorageSettings> {
    return this.#settings.get(source) ?? this.#checkSettings(tx, source);
  }

  async #checkSettings(tx: Tx, source: string): Promise<StorageSettings> {
    const connection = await this.#parts.database.connectionOf(tx);
    const { settings, leafSeconds, nowMs } = await checkSettings(connection, this.#parts.sql, source);
    this.#settings.set(source, settings);
    this.#leaves ??= new LeafClock(leafSeconds, nowMs);
    return settings;
  }

  append(tx: Tx, messages: readonly NewMessage[]): Promise<void> {
    try {
      const connection = this.#parts.database.connectionOf(tx);
      if (connection instanceof Promise) return connection.then((known) => this.#append(known, messages));
      return this.#append(connection, messages);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return Promise.reject(error);
    }
  }

  /** Not async, nor is what it calls: every promise in between shows in the rate of small transactions. */
  #append(connection: Connection | SqlConnection, messages: readonly NewMessage[]): Promise<void> {
    const [first, second] = messages;
    if (first === undefined) return Promise.resolve();
    const { outbox } = this.#parts.sql;
    if (second !== undefined) return insert(connection, outbox.appendMany, transposed(messages));
    const leaf = isTimed(first) ? -1 : (this.#leaves?.current() ?? -1);
    const plain = isPlain(first);
    const intoLeaf = plain ? outbox.appendPlain[leaf] : outbox.append[leaf];
    if (intoLeaf === undefined) return insert(connection, outbox.appendTimed, timedValuesOf(first));
    return leanInsert(connection, intoLeaf, plain ? plainValuesOf(first) : valuesOf(first));
  }

  async claimDedupKeys(tx: Tx, claims: readonly DedupClaim[]): Promise<readonly string[]> {
    const connection = await this.#parts.database.connectionOf(tx);
    return claimDedupKeys(connection, this.#parts.sql.outbox, claims);
  }

  async forgetDedupKeys(olderThanMs: number, limit: number): Promise<number> {
    const { database, sql } = this.#parts;
    const [row] = await database.connected((connection) =>
      run(connection, sql.outbox.forgetDedupKeys, [olderThanMs, limit]),
    );
    return Number(row?.[0]);
  }

  async lockKeys(tx: Tx, keys: readonly { readonly topic: string; readonly key: string }[]): Promise<void> {
    const connection = await this.#parts.database.connectionOf(tx);
    await run(connection, this.#parts.sql.outbox.lockKeys, [
      keys.map(({ topic }) => topic),
      keys.map(({ key }) => key),
    ]);
  }

  afterCommit(tx: Tx, action: () => void): void {
    this.#parts.database.afterCommit(tx, action);
  }

  async openWindow(from: Snapshot, limit: number): Promise<OpenedWindow> {
    const { database, sql, floors } = this.#parts;
    return database.connected(async (connection) => {
      const source = await this.#sourceOf(connection);
      const answer = await run(connection, sql.outbox.openWindow, [from, limit, floors.for(from)]);
      const { facts, rows } = readAnswer(answer, source);
      if (this.#server !== facts.server) floors.forget();
      this.#server = facts.server;
      floors.sawNewest(facts.newestRowId);
      return { to: facts.snapshot, now: facts.now, rows, server: facts.server };
    });
  }

  async readWindow(window: Window, afterRowId: number, limit: number): Promise<readonly OutboxRow[]> {
    const { database, sql } = this.#parts;
    return database.connected(async (connection) => {
      const source = await this.#sourceOf(connection);
      const answer = await run(connection, sql.outbox.readWindow, [
        window.from,
        window.to,
        afterRowId,
        limit,
      ]);
      return readAnswer(answer, source).rows;
    });
  }

  async nudge(): Promise<void> {
    const { database, sql, schema } = this.#parts;
    await database.connected((connection) => run(connection, sql.outbox.notify, [channelOf(schema)]));
  }

  async onNudge(listener: () => void): Promise<() => Promise<void>> {
    const stop = await listen(this.#parts.database, channelOf(this.#parts.schema), listener);
    this.#listening.add(stop);
    return async () => {
      this.#listening.delete(stop);
      await stop();
    };
  }

  purge(olderThanMs: number): Promise<number> {
    return purgeLeaves(this.#parts, olderThanMs);
  }

  /** Stops listening. */
  async dispose(): Promise<void> {
    const stops = [...this.#listening];
    this.#listening.clear();
    await Promise.all(stops.map((stop) => stop()));
  }

  async #sourceOf(connection: Parameters<typeof checkSettings>[0]): Promise<string> {
    this.#source ??= (await checkSettings(connection, this.#parts.sql, null)).settings.source;
    return this.#source;
  }
}

function isTimed({ deliverAt, deliverInMs, expiresAt }: NewMessage): boolean {
  return deliverAt !== null || deliverInMs !== null || expiresAt !== null;
}

/** What the columns of the outbox have as their defaults. */
function isPlain({ headers, contentType }: NewMessage): boolean {
  return contentType === JSON_CONTENT && Object.keys(headers).length === 0;
}

function plainValuesOf(message: NewMessage): LeanValue[] {
  const { topic, version, key, partition, id, payload } = message;
  return [topic, `${version}`, key, `${partition}`, id, bufferOf(payload)];
}

function valuesOf(message: NewMessage): LeanValue[] {
  return [...plainValuesOf(message), JSON.stringify(message.headers), message.contentType];
}

function timedValuesOf(message: NewMessage): Value[] {
  return [...valuesOf(message), message.deliverAt, message.deliverInMs, message.expiresAt];
}

/** One array per column. */
function transposed(messages: readonly NewMessage[]): Value[] {
  const rows = messages.map(timedValuesOf);
  const width = rows[0]?.length ?? 0;
  return Array.from({ length: width }, (_, column) =>
    rows.map((row) => row[column] as string | number | Buffer | null),
  );
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
