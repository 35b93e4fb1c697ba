import type { ConfirmChannel, Options } from "amqplib";
import { z } from "zod";
import type { Calls } from "@waybill/core";
import { WaybillError } from "@waybill/core";
import { callText, type Unroutable } from "./call.ts";
import { rehearsalOf } from "./rehearse.ts";

/** What is known of a message when its key is chosen. */
export interface PublishedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly content: Buffer;
  readonly options: Readonly<Options.Publish>;
}

export interface OutboxedOptions {
  /** The service's Waybill: its outbox takes the messages, and the relay of its source publishes them. */
  readonly waybill: { readonly calls: Calls };
  /**
   * What orders the messages of an exchange: those of one key are published in the order of their transactions, one
   * after the other is confirmed. 1 to 512 characters; `null` for a message that nothing orders. Default
   * `EXCHANGE/ROUTING KEY`.
   */
  readonly key?: (message: PublishedMessage) => string | null;
  /**
   * `retry` (the default): a message that no queue takes waits and is tried again, as one that its exchange does not
   * exist for. `drop`: RabbitMQ drops it, as it does on a bare channel without `mandatory`: for exchanges that have no
   * queue on purpose at times.
   */
  readonly unroutable?: Unroutable;
}

type Callback = NonNullable<Parameters<ConfirmChannel["publish"]>[4]>;

const callable = (value: unknown): boolean => typeof value === "function";

const schema = z.strictObject({
  waybill: z.custom<OutboxedOptions["waybill"]>(
    (value) => typeof value === "object" && value !== null && "calls" in value,
    "give the service's Waybill",
  ),
  key: z.custom<NonNullable<OutboxedOptions["key"]>>(callable, "give a function").default(
    () =>
      ({ exchange, routingKey }: PublishedMessage) =>
        `${exchange}/${routingKey}`,
  ),
  unroutable: z.enum(["retry", "drop"]).default("retry"),
});

const KEY_CHARACTERS_MAX = 512;
/** What RabbitMQ calls the exchange without a name. */
const DEFAULT_EXCHANGE = "amq.default";

/**
 * The same channel, except that what it publishes leaves if and only if the ambient transaction commits: `publish` and
 * `sendToQueue` write to the outbox of that transaction, and the relay repeats the call, with the same exchange, routing
 * key, content, properties and headers, until RabbitMQ has confirmed it. All else goes to `channel` itself.
 *
 * | call                     | means here                                                                                |
 * |--------------------------|-------------------------------------------------------------------------------------------|
 * | `publish`, `sendToQueue` | taken into the transaction; always `true`; needs no connection                             |
 * | their callback           | recorded in the transaction (or the error that it fails with); not yet committed           |
 * | `waitForConfirms`        | all that the transaction has taken is recorded in it                                       |
 *
 * Messages are always persistent. A `return` for `mandatory` never comes: what cannot be routed is tried again.
 *
 * @throws WaybillError `OPTIONS_INVALID`. `publish` and `sendToQueue` throw `NOT_IN_TRANSACTION` outside of an ambient
 * transaction, `OPTIONS_INVALID` for a key that is none, and what the library's own throw for what it cannot encode.
 */
export function outboxed<Channel extends ConfirmChannel>(
  channel: Channel,
  options: OutboxedOptions,
): Channel {
  const { waybill, key: keyOf, unroutable } = parsed(options);
  const rehearse = rehearsalOf(channel);

  const publish = (
    exchange = "",
    routingKey = "",
    content: Buffer,
    given?: Options.Publish | null,
    callback?: Callback | null,
  ): boolean => {
    const sent = given ?? {};
    rehearse(exchange, routingKey, content, sent);
    waybill.calls.take({
      topic: exchange === "" ? DEFAULT_EXCHANGE : exchange,
      key: checkedKey(keyOf({ exchange, routingKey, content, options: sent })),
      contentType: sent.contentType ?? "application/octet-stream",
      payload: new Uint8Array(content),
      call: callText({ exchange, routingKey, options: sent, unroutable }),
    });
    if (callback) tellWhenRecorded(waybill.calls.recorded(), callback);
    return true;
  };
  const instead: Pick<ConfirmChannel, "publish" | "sendToQueue" | "waitForConfirms"> = {
    publish,
    sendToQueue: (queue, content, given, callback) => publish("", queue, content, given, callback),
    waitForConfirms: () => waybill.calls.recorded(),
  };
  return new Proxy(channel, {
    get: (target, name, proxy) =>
      Reflect.get(Object.hasOwn(instead, name) ? instead : target, name, proxy) as unknown,
  });
}

function parsed(options: OutboxedOptions): z.output<typeof schema> {
  const read = schema.safeParse(options);
  if (read.success) return read.data;
  throw new WaybillError("OPTIONS_INVALID", `outboxed: ${z.prettifyError(read.error)}`);
}

/** In a turn of its own: what the callback throws is not an error of the recording. */
function tellWhenRecorded(recorded: Promise<void>, callback: Callback): void {
  const tell = (error: unknown): void => void setImmediate(() => callback(error, {}));
  recorded.then(() => tell(null), tell);
}

function checkedKey(key: string | null): string | null {
  if (key === null || (typeof key === "string" && key.length > 0 && key.length <= KEY_CHARACTERS_MAX))
    return key;
  throw new WaybillError(
    "OPTIONS_INVALID",
    `outboxed: key must answer text of 1 to ${KEY_CHARACTERS_MAX} characters or null, not ${JSON.stringify(key)}.`,
  );
}
