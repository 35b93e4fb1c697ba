import { toError } from "../errors/describe-error.ts";
import { WaybillError } from "../errors/waybill-error.ts";
import type { Envelope } from "../message/envelope.ts";
import { newHeaders } from "../message/headers.ts";
import { messageIds } from "../message/message-id.ts";
import { partitionOf } from "../message/partition.ts";
import { encodePayload, JSON_CONTENT } from "../message/payload.ts";
import { checkedKey, type PayloadOf, type Topic } from "../message/topic.ts";
import { parseOptions } from "../options/parse-options.ts";
import type { SentMessage } from "../outbox/create-outbox.ts";
import type { Broker, PublishResult } from "../ports/broker.ts";
import type { Clock } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { systemClock } from "../system/system-clock.ts";
import { systemRandom } from "../system/system-random.ts";
import { publisherOptionsSchema, type PublisherOptions } from "./publisher-options.ts";
import { rapidBuffer, type RapidCounts } from "./rapid-buffer.ts";

export interface PublishOneOptions {
  /** Application headers, text only. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Publishes without a database transaction, in two classes that are never mixed. Neither is `send`: what is published
 * here is not tied to any business row, and is gone if the process dies before the broker has it.
 */
export interface Publisher {
  /**
   * Resolves when the broker has routed the message to at least one group and made it durable.
   *
   * @throws WaybillError `PAYLOAD_INVALID`, `UNROUTABLE`, `BROKER_REFUSED`, `PAYLOAD_TOO_LARGE`: it was not stored.
   * `PUBLISH_UNKNOWN`: it may or may not have arrived; the message can be published again under another id.
   */
  confirmed<T extends Topic>(
    topic: T,
    payload: PayloadOf<T>,
    options?: PublishOneOptions,
  ): Promise<SentMessage>;
  /** Like `confirmed` for many, in order; rejects with the first failure after all have an outcome. */
  confirmedMany<T extends Topic>(
    topic: T,
    payloads: readonly PayloadOf<T>[],
    options?: PublishOneOptions,
  ): Promise<readonly SentMessage[]>;
  /**
   * Hands the message to a bounded buffer and resolves once it is checked and taken, not when it arrived. It is
   * published once; nobody learns whether it arrived, but it is counted.
   *
   * @throws WaybillError `PAYLOAD_INVALID`; `RAPID_OVERFLOW` when the buffer is full and the policy is `throw`
   */
  rapid<T extends Topic>(topic: T, payload: PayloadOf<T>, options?: PublishOneOptions): Promise<SentMessage>;
  /** Like `rapid` for many: all are taken, or, with the policy `throw`, none. */
  rapidMany<T extends Topic>(
    topic: T,
    payloads: readonly PayloadOf<T>[],
    options?: PublishOneOptions,
  ): Promise<readonly SentMessage[]>;
  /** What became of the rapid messages so far. */
  rapidCounts(): RapidCounts;
  /** Resolves when everything rapid that was taken so far has been published or given up. */
  flush(): Promise<void>;
}

export interface PublisherParts {
  readonly source: string;
  readonly broker: Broker;
  /** Partitions of the source, as its schema says. */
  readonly partitions: number;
  readonly options?: PublisherOptions;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** Makes a publisher. The broker must be open before anything is published. */
export function createPublisher(parts: PublisherParts): Publisher {
  const { source, broker, partitions, clock = systemClock, random = systemRandom } = parts;
  const options = parseOptions("createPublisher", publisherOptionsSchema, parts.options ?? {});
  const nextId = messageIds(clock, random);
  const publish = (batch: readonly Envelope[]): Promise<readonly PublishResult[]> =>
    broker.publish(batch, { fence: null, timeoutMs: options.confirmTimeoutMs });
  const buffer = rapidBuffer({ ...options, publish });

  async function envelopes<T extends Topic>(
    topic: T,
    payloads: readonly PayloadOf<T>[],
    given: PublishOneOptions,
  ): Promise<Envelope[]> {
    const headers = newHeaders(given.headers ?? {}, null);
    return Promise.all(
      payloads.map(async (payload) => {
        const content = await encodePayload(topic, payload);
        const key = checkedKey(topic, topic.keyOf(payload));
        const id = nextId();
        return {
          id,
          source,
          topic: topic.name,
          version: topic.version,
          key,
          partition: partitionOf(key, id, partitions),
          headers,
          contentType: JSON_CONTENT,
          payload: content,
          createdAt: clock.now(),
          position: null,
        };
      }),
    );
  }

  async function confirmedMany<T extends Topic>(
    topic: T,
    payloads: readonly PayloadOf<T>[],
    given: PublishOneOptions = {},
  ): Promise<SentMessage[]> {
    const batch = await envelopes(topic, payloads, given);
    const results = await publish(batch).catch((thrown: unknown) => {
      const error = toError(thrown);
      return batch.map((): PublishResult => ({ kind: "unknown", error }));
    });
    for (const [index] of batch.entries()) throwUnlessConfirmed(results[index]);
    return batch.map(({ id }) => ({ id }));
  }

  async function rapidMany<T extends Topic>(
    topic: T,
    payloads: readonly PayloadOf<T>[],
    given: PublishOneOptions = {},
  ): Promise<SentMessage[]> {
    const batch = await envelopes(topic, payloads, given);
    buffer.take(batch);
    return batch.map(({ id }) => ({ id }));
  }

  return {
    confirmedMany,
    rapidMany,
    confirmed: async (topic, payload, given) => only(await confirmedMany(topic, [payload], given)),
    rapid: async (topic, payload, given) => only(await rapidMany(topic, [payload], given)),
    rapidCounts: () => buffer.counts(),
    flush: () => buffer.flush(),
  };
}

function only(sent: readonly SentMessage[]): SentMessage {
  const [one] = sent;
  if (one === undefined) throw new Error("published nothing");
  return one;
}

function throwUnlessConfirmed(result: PublishResult | undefined): void {
  switch (result?.kind) {
    case "confirmed":
      return;
    case "rejected":
      throw result.error;
    case "held":
      throw new WaybillError(
        "BROKER_REFUSED",
        "The broker refused an earlier message of the same partition.",
      );
    case "unknown":
    case undefined:
      throw new WaybillError(
        "PUBLISH_UNKNOWN",
        "The broker did not confirm: the message may or may not have arrived.",
        { cause: result?.error },
      );
    default:
      return result satisfies never;
  }
}
