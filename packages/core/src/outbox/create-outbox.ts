import { WaybillError } from "../errors/waybill-error.ts";
import type { Envelope } from "../message/envelope.ts";
import { newHeaders } from "../message/headers.ts";
import { messageIds } from "../message/message-id.ts";
import { partitionOf } from "../message/partition.ts";
import { encodePayload, JSON_CONTENT } from "../message/payload.ts";
import { checkedKey, type PayloadOf, type Topic } from "../message/topic.ts";
import { parseOptions } from "../options/parse-options.ts";
import type { Clock } from "../ports/clock.ts";
import type { NewMessage } from "../ports/outbox-store.ts";
import type { Random } from "../ports/random.ts";
import type { SqlTransaction } from "../ports/sql-transaction.ts";
import type { StorageSettings } from "../ports/storage-settings.ts";
import type { Storage } from "../ports/storage.ts";
import { systemClock } from "../system/system-clock.ts";
import { systemRandom } from "../system/system-random.ts";
import {
  checkedDedupKey,
  DEFAULT_SEND_OPTIONS,
  sendManyOptionsSchema,
  sendOptionsSchema,
  type ParsedSendOptions,
  type SendManyOptions,
  type SendOptions,
} from "./send-options.ts";

/** Messages of one `sendMany`, which travel in one statement. */
export const SEND_MANY_MAX = 10_000;

/** What was sent. */
export interface SentMessage {
  /** UUIDv7, the same on every copy of the message. */
  readonly id: string;
}

/** What was recorded. It exists if and only if the transaction commits. */
export interface RecordedMessage extends SentMessage {
  /** Another message had the `dedupKey` already: nothing was recorded, and `id` is that message's. */
  readonly duplicate: boolean;
}

/** The producer side: records messages in the caller's transaction. */
export interface Outbox<Tx> {
  /**
   * Records one message: it is delivered if and only if `tx` commits.
   *
   * @throws WaybillError `NOT_IN_TRANSACTION`, `PAYLOAD_INVALID`, `OPTIONS_INVALID`, or what `Storage.check` throws.
   * Nothing has been recorded then; an error of the database leaves `tx` to be rolled back.
   */
  send<T extends Topic>(
    tx: Tx,
    topic: T,
    payload: PayloadOf<T>,
    options?: SendOptions,
  ): Promise<RecordedMessage>;
  /** Records many messages of one topic in one statement, in this order: all or none. */
  sendMany<T extends Topic>(
    tx: Tx,
    topic: T,
    payloads: readonly PayloadOf<T>[],
    options?: SendManyOptions<T>,
  ): Promise<readonly RecordedMessage[]>;
  /** The same outbox for what a handler sends while it handles `cause`: trace and conversation are passed on. */
  inReplyTo(cause: Envelope): Pick<Outbox<Tx>, "send" | "sendMany">;
}

export interface OutboxParts<Tx> {
  readonly source: string;
  readonly storage: Pick<Storage<Tx>, "outbox">;
  /** Called after a transaction that sent something committed, where the storage can tell. */
  readonly afterCommit?: () => void;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Makes the producer side of a source. */
export function createOutbox<Tx>(parts: OutboxParts<Tx>): Outbox<Tx | SqlTransaction> {
  const { source, storage, afterCommit, clock = systemClock, random = systemRandom } = parts;
  const store = storage.outbox;
  const nextId = messageIds(clock, random);

  async function send<T extends Topic>(
    tx: Tx | SqlTransaction,
    topic: T,
    payload: PayloadOf<T>,
    given: SendOptions | undefined,
    cause: Envelope | null,
  ): Promise<RecordedMessage> {
    store.assertTransaction(tx);
    const options = sendOptions(given);
    const headers = newHeaders(options.headers, cause);
    // Awaiting what is there already would cost a turn of the queue each, in the middle of the caller's transaction.
    let content = encodePayload(topic, payload);
    if (content instanceof Promise) content = await content;
    let settings = store.settings(tx, source);
    if (settings instanceof Promise) settings = await settings;
    const id = nextId();
    const message = newMessage(id, topic, topic.keyOf(payload), content, headers, options, settings);
    if (options.serialize) await lockKeys(tx, [message]);
    if (options.dedupKey !== undefined) {
      const [holder = id] = await claim(tx, [message], [options.dedupKey]);
      if (holder !== id) return { id: holder, duplicate: true };
    }
    await store.append(tx, [message]);
    if (afterCommit !== undefined) store.afterCommit(tx, afterCommit);
    return { id, duplicate: false };
  }

  async function sendMany<T extends Topic>(
    tx: Tx | SqlTransaction,
    topic: T,
    payloads: readonly PayloadOf<T>[],
    given: SendManyOptions<T> | undefined,
    cause: Envelope | null,
  ): Promise<readonly RecordedMessage[]> {
    store.assertTransaction(tx);
    const { dedupKey, ...rest } = given ?? {};
    const options: ParsedSendOptions = parseOptions("send", sendManyOptionsSchema, rest);
    if (payloads.length > SEND_MANY_MAX) {
      throw new WaybillError(
        "OPTIONS_INVALID",
        `sendMany: ${payloads.length} messages; at most ${SEND_MANY_MAX} in one call.`,
      );
    }
    const headers = newHeaders(options.headers, cause);
    const contents = await Promise.all(payloads.map(async (payload) => encodePayload(topic, payload)));
    const settings = await store.settings(tx, source);
    const messages = contents.map((content, index) => {
      const key = topic.keyOf(payloads[index]);
      return newMessage(nextId(), topic, key, content, headers, options, settings);
    });
    if (messages.length === 0) return [];
    if (options.serialize) await lockKeys(tx, messages);
    const ids = messages.map(({ id }) => id);
    const holders =
      dedupKey === undefined
        ? ids
        : await claim(
            tx,
            messages,
            payloads.map((payload) => dedupKey(payload)),
          );
    const first = messages.filter(({ id }, index) => holders[index] === id);
    if (first.length > 0) {
      await store.append(tx, first);
      if (afterCommit !== undefined) store.afterCommit(tx, afterCommit);
    }
    return ids.map((id, index) => ({ id: holders[index] ?? id, duplicate: holders[index] !== id }));
  }

  async function lockKeys(tx: Tx | SqlTransaction, messages: readonly NewMessage[]): Promise<void> {
    await store.lockKeys(tx, distinctKeys(messages));
  }

  /** The ids of the messages that have these keys. */
  function claim(
    tx: Tx | SqlTransaction,
    messages: readonly NewMessage[],
    keys: readonly string[],
  ): Promise<readonly string[]> {
    const claims = messages.map(({ topic, id }, index) => ({
      topic,
      dedupKey: checkedDedupKey(keys[index]),
      messageId: id,
    }));
    return store.claimDedupKeys(tx, claims);
  }

  function sender(cause: Envelope | null): Pick<Outbox<Tx | SqlTransaction>, "send" | "sendMany"> {
    return {
      send: (tx, topic, payload, options) => send(tx, topic, payload, options, cause),
      sendMany: (tx, topic, payloads, options) => sendMany(tx, topic, payloads, options, cause),
    };
  }

  return { ...sender(null), inReplyTo: sender };
}

function sendOptions(given: SendOptions | undefined): ParsedSendOptions {
  return given === undefined ? DEFAULT_SEND_OPTIONS : parseOptions("send", sendOptionsSchema, given);
}

function newMessage(
  id: string,
  topic: Topic,
  key: string | null,
  payload: Uint8Array,
  headers: Readonly<Record<string, string>>,
  options: ParsedSendOptions,
  settings: StorageSettings,
): NewMessage {
  return {
    id,
    topic: topic.name,
    version: topic.version,
    key: checkedKey(topic, key),
    partition: partitionOf(key, id, settings.partitions),
    headers,
    contentType: JSON_CONTENT,
    payload,
    deliverAt: options.deliverAt?.getTime() ?? null,
    deliverInMs: options.delayMs ?? null,
    expiresAt: options.expiresAt?.getTime() ?? null,
  };
}

function distinctKeys(messages: readonly NewMessage[]): { topic: string; key: string }[] {
  const keys = new Map<string, { topic: string; key: string }>();
  for (const { topic, key } of messages) {
    if (key !== null) keys.set(key, { topic, key });
  }
  return [...keys.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}
