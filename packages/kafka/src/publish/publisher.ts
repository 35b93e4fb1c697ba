import type { Clock, Envelope, Fence, PublishOptions, PublishResult } from "@waybill/core";
import { isWaybillError, WaybillError } from "@waybill/core";
import { notify } from "../events.ts";
import type { KafkaClient } from "../kafkajs/client.ts";
import { errorKind, isForbidden, type ErrorKind } from "../kafkajs/error-kind.ts";
import type { ResolvedKafkaBrokerOptions } from "../options/kafka-broker-options.ts";
import type { Topology } from "../topology/topology.ts";
import { asError, messageOf, unavailable } from "../unavailable.ts";
import { intoTransactions } from "./divide.ts";
import type { CallRepeater } from "../outboxed/call-repeater.ts";
import type { EpochRecord } from "./epoch-record.ts";
import type { Outlet } from "./outlet.ts";
import { PlainOutlet } from "./plain-outlet.ts";
import { isCall, placeRoute, planPublish, routeNameOf, type Route, type Sendable } from "./publish-plan.ts";
import { SourceProducer } from "./source-producer.ts";

type Settle = (sendable: Sendable, result: PublishResult) => void;

/** Publishes batches: what is refused here, what the servers refuse, and what is stored. */
export class Publisher {
  readonly #client: KafkaClient;
  readonly #topology: Topology;
  readonly #calls: CallRepeater;
  readonly #record: EpochRecord;
  readonly #options: ResolvedKafkaBrokerOptions;
  readonly #onTrouble: (error: Error) => void;
  readonly #plain: PlainOutlet;
  readonly #sources = new Map<string, SourceProducer>();

  constructor(parts: {
    readonly client: KafkaClient;
    readonly topology: Topology;
    readonly calls: CallRepeater;
    readonly record: EpochRecord;
    readonly options: ResolvedKafkaBrokerOptions;
    /** A publish left messages unknown. */
    readonly onTrouble: (error: Error) => void;
  }) {
    this.#client = parts.client;
    this.#topology = parts.topology;
    this.#calls = parts.calls;
    this.#record = parts.record;
    this.#options = parts.options;
    this.#onTrouble = parts.onTrouble;
    this.#plain = new PlainOutlet(parts.client, parts.options);
  }

  fence(fence: Fence): Promise<void> {
    return this.#source(fence.source).fence(fence);
  }

  async publish(
    batch: readonly Envelope[],
    { fence, timeoutMs }: PublishOptions,
  ): Promise<readonly PublishResult[]> {
    const outlet = fence === null ? this.#plain : this.#source(fence.source).outlet(fence);
    let results: (PublishResult | null)[] = batch.map(() => null);
    const publishing = async (): Promise<void> => {
      const plan = planPublish(batch, await this.#routesOf(batch, fence), this.#options.payloadBytesMax);
      results = plan.results;
      await this.#sendAll(outlet, plan.sendables, ({ index }, result) => {
        results[index] = result;
      });
    };
    try {
      await within(this.#options.clock, timeoutMs, publishing());
    } catch (thrown) {
      if (isWaybillError(thrown, "BROKER_FENCED")) return this.#allFenced(batch, fence, thrown);
      const error = asError(thrown);
      outlet.discard(error);
      this.#trouble(error);
      const settled = [...results];
      results = [];
      return settled.map((result) => result ?? { kind: "unknown", error });
    }
    return results.map((result) => result ?? { kind: "unknown", error: unavailable("no answer") });
  }

  async close(): Promise<void> {
    const closing = Array.from(this.#sources.values(), (source) => source.close());
    await Promise.all([...closing, this.#plain.close()]);
  }

  #source(source: string): SourceProducer {
    let producer = this.#sources.get(source);
    if (producer === undefined) {
      producer = new SourceProducer({
        client: this.#client,
        record: this.#record,
        transactionalId: `${this.#options.transactionalIdPrefix}source/${source}`,
        clock: this.#options.clock,
        options: this.#options,
      });
      this.#sources.set(source, producer);
    }
    return producer;
  }

  async #routesOf(batch: readonly Envelope[], fence: Fence | null): Promise<Map<string, Route>> {
    const routes = new Map<string, Route>();
    const nowMs = this.#options.clock.monotonicMs();
    for (const envelope of batch) {
      const name = routeNameOf(envelope);
      if (!routes.has(name)) routes.set(name, await this.#routeOf(envelope, fence, nowMs));
    }
    return routes;
  }

  async #routeOf(envelope: Envelope, fence: Fence | null, nowMs: number): Promise<Route> {
    try {
      if (isCall(envelope) && fence === null) return notRecorded(envelope);
      if (isCall(envelope)) return await this.#calls.routeOf(envelope.topic, nowMs);
      const place = await this.#topology.placeOf(envelope.topic, nowMs);
      return place === null ? { kind: "unroutable" } : placeRoute(place);
    } catch (thrown) {
      const kind = errorKind(thrown);
      if (isForbidden(kind)) return { kind: "rejected", ...refusal(envelope.topic, kind, thrown) };
      const error = asError(thrown);
      this.#trouble(error);
      return { kind: "unknown", error };
    }
  }

  async #sendAll(outlet: Outlet, sendables: readonly Sendable[], settle: Settle): Promise<void> {
    let refused = new Set<string>();
    for (const part of intoTransactions(sendables, this.#options)) {
      refused = await this.#send(outlet, part, refused, settle);
    }
  }

  /**
   * Sends a part, and when the servers refuse it, its halves: down to the message that is to blame. All of it is refused
   * when no message is to blame.
   *
   * @param refused streams of which a message was refused: what follows in them is held
   */
  async #send(
    outlet: Outlet,
    part: readonly Sendable[],
    refused: ReadonlySet<string>,
    settle: Settle,
  ): Promise<Set<string>> {
    const sent = part.filter((one) => {
      if (!refused.has(one.stream)) return true;
      settle(one, { kind: "held" });
      return false;
    });
    if (sent.length === 0) return new Set(refused);
    try {
      await outlet.send(sent);
      for (const one of sent) settle(one, { kind: "confirmed" });
      return new Set(refused);
    } catch (error) {
      const kind = errorKind(error);
      if (kind === "fenced" || kind === "unknown") throw error;
      if (sent.length === 1 || kind === "forbidden") {
        const refusedHere = new Set(refused);
        for (const one of sent) {
          const isBehind = refusedHere.has(one.stream);
          settle(
            one,
            isBehind ? { kind: "held" } : { kind: "rejected", ...refusal(one.place.kafkaTopic, kind, error) },
          );
          refusedHere.add(one.stream);
        }
        return refusedHere;
      }
      const half = Math.ceil(sent.length / 2);
      const after = await this.#send(outlet, sent.slice(0, half), refused, settle);
      return this.#send(outlet, sent.slice(half), after, settle);
    }
  }

  #allFenced(batch: readonly Envelope[], fence: Fence | null, error: WaybillError): PublishResult[] {
    if (fence !== null) {
      const { source, epoch } = fence;
      notify(this.#options.onEvent, { type: "kafka.fenced", level: "warn", source, epoch, error });
    }
    return batch.map(() => ({ kind: "rejected", error, retryable: false }));
  }

  #trouble(error: Error): void {
    notify(this.#options.onEvent, { type: "kafka.publish-failed", level: "warn", error });
    this.#topology.distrust();
    this.#calls.distrust();
    this.#onTrouble(error);
  }
}

function refusal(
  topic: string,
  kind: ErrorKind,
  cause: unknown,
): { readonly error: WaybillError; readonly retryable: boolean } {
  const code = kind === "too-large" ? "PAYLOAD_TOO_LARGE" : "BROKER_REFUSED";
  const text = `Kafka refused a message of topic ${topic}: ${messageOf(cause)}.`;
  return { error: new WaybillError(code, text, { cause }), retryable: isForbidden(kind) };
}

/** A call that no outbox has recorded could be anybody's. */
function notRecorded({ id }: Envelope): Route {
  const text = `Message ${id} is a call that comes from no outbox: only relays repeat calls.`;
  return { kind: "rejected", error: new WaybillError("CALL_UNSUPPORTED", text), retryable: false };
}

async function within(clock: Clock, timeoutMs: number, work: Promise<void>): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  const cancel = clock.after(timeoutMs, () => {
    reject(new WaybillError("PUBLISH_UNKNOWN", `Kafka has not confirmed within ${timeoutMs} ms.`));
  });
  try {
    await Promise.race([work, promise]);
  } finally {
    cancel();
  }
}
