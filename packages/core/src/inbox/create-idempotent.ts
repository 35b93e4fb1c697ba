import { z } from "zod";
import { asMethodDecorator, type MethodDecorator, type NothingKept } from "../decorators/method-decorator.ts";
import { WaybillError } from "../errors/waybill-error.ts";
import { parseOptions } from "../options/parse-options.ts";
import type { InboxStore } from "../ports/inbox-store.ts";
import type { Transactions } from "../transaction/create-transactions.ts";
import { checkedKey, groupSchema, type RecordKey } from "./record-key.ts";
import { jsonResult, type ResultCodec } from "./result-codec.ts";

export interface IdempotentOptions<Args extends readonly unknown[]> {
  /** Who applies the messages. It names the records: renaming it forgets them, sharing it shares the ids. */
  readonly group: string;
  /** The id of the message from the arguments of the call: the same for every copy. Never empty. */
  readonly id: (...args: Args) => string;
}

export interface StoredResultOptions<Args extends readonly unknown[], R> extends IdempotentOptions<Args> {
  /** Keeps what the first call answered and answers it to duplicates: `true` as JSON, or by a codec. */
  readonly storeResult: true | ResultCodec<R>;
}

/**
 * Makes functions that anything may call any number of times: each message has its effects once.
 *
 * The function runs in the ambient transaction, or else in one of its own, together with the inbox record; it finds the
 * transaction with `currentTransaction()`. What it writes and sends there happens once if it resolves, and never if it
 * rejects: its error reaches the caller, and the next copy runs. A copy that arrives meanwhile waits. Calls to
 * other systems are not undone: give them the message's id as idempotency key.
 *
 * Without `storeResult` a duplicate answers `undefined`, and the types say so.
 *
 * @throws WaybillError `OPTIONS_INVALID` for an empty id (nothing has run then), `RESULT_MISSING`, and what
 * `runInTransaction` throws
 */
export interface Idempotent {
  <This, Args extends unknown[], R>(
    handler: (this: This, ...args: Args) => Promise<R> | R,
    options: StoredResultOptions<Args, R>,
  ): (this: This, ...args: Args) => Promise<R>;
  <This, Args extends unknown[], R>(
    handler: (this: This, ...args: Args) => Promise<R> | R,
    options: IdempotentOptions<Args>,
  ): (this: This, ...args: Args) => Promise<R | undefined>;
  /** The same for a method, as a decorator (standard or `experimentalDecorators`). */
  <Args extends unknown[], R = unknown>(
    options: StoredResultOptions<Args, R>,
  ): MethodDecorator<(...args: Args) => string, R>;
  <Args extends unknown[]>(
    options: IdempotentOptions<Args>,
  ): MethodDecorator<(...args: Args) => string, NothingKept>;
}

type Handler = (this: unknown, ...args: unknown[]) => unknown;

const optionsSchema = z.strictObject({
  group: groupSchema,
  id: z.custom<(...args: unknown[]) => string>((value) => typeof value === "function", "expected a function"),
  storeResult: z
    .union([z.literal(true), z.custom<ResultCodec<unknown>>(isCodec, "expected true or a codec")])
    .optional(),
});

/** Makes `idempotent` for the transactions and the inbox of one storage. */
export function createIdempotent<Tx>(
  store: InboxStore<Tx>,
  transactions: Pick<Transactions<Tx>, "runInTransaction">,
): Idempotent {
  function wrapper(given: unknown): (handler: Handler) => Handler {
    const { group, id, storeResult } = parseOptions("idempotent", optionsSchema, given);
    const codec = storeResult === true ? jsonResult : storeResult;
    return (handler) =>
      async function (this: unknown, ...args: unknown[]) {
        const key = checkedKey("idempotent", { group, messageId: id.apply(this, args) });
        return transactions.runInTransaction((tx) =>
          applyOnce(store, tx, key, codec, async () => handler.apply(this, args)),
        );
      };
  }
  return ((first: unknown, second?: unknown) =>
    typeof first === "function"
      ? wrapper(second)(first as Handler)
      : asMethodDecorator(wrapper(first))) as Idempotent;
}

async function applyOnce<Tx>(
  store: InboxStore<Tx>,
  tx: Tx,
  { group, messageId }: RecordKey,
  codec: ResultCodec<unknown> | undefined,
  work: () => Promise<unknown>,
): Promise<unknown> {
  const record = await store.record(tx, group, messageId);
  if (!record.first) {
    if (codec === undefined) return undefined;
    if (record.result === null) throw resultMissing(group);
    return codec.decode(record.result);
  }
  const result = await work();
  if (codec === undefined) return result;
  const text = codec.encode(result);
  await store.keepResult(tx, group, messageId, text);
  // What a duplicate will get, so that a result that does not survive the codec is noticed at the first call.
  return codec.decode(text);
}

function resultMissing(group: string): WaybillError {
  return new WaybillError(
    "RESULT_MISSING",
    `Group ${group} applied this message before, without keeping a result: storeResult was turned on later, or something else applies messages under the same group.`,
  );
}

function isCodec(value: unknown): boolean {
  return typeof value === "object" && value !== null && "encode" in value && "decode" in value;
}
