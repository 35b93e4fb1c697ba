import { join } from "node:path";
import type {
  Broker,
  BrokerFeatures,
  BrokerHealth,
  Envelope,
  Fence,
  PublishOptions,
  PublishResult,
  SubscribeOptions,
  Subscription,
  TopicSpec,
} from "@waybill/core";
import { WaybillError } from "@waybill/core";
import type { Log } from "@waybill/log";
import { LogError, LogOwnedError, openLog } from "@waybill/log";
import { Engine, unavailable } from "./engine/engine.ts";
import { notify } from "./engine/engine-events.ts";
import type { DeliveryHandler } from "./groups/member.ts";
import { NativeSubscription } from "./native-subscription.ts";
import type { NativeBrokerOptions, ResolvedNativeBrokerOptions } from "./options/native-broker-options.ts";
import { resolveNativeBrokerOptions } from "./options/native-broker-options.ts";
import type { RemoteBrokerOptions } from "./options/remote-broker-options.ts";
import { resolveRemoteBrokerOptions } from "./options/remote-broker-options.ts";
import { RemoteBroker } from "./remote/remote-broker.ts";
import { TEXT_BYTES_MAX } from "./records/message-record.ts";
import { readCheckpoint } from "./storage/checkpoint-file.ts";
import { recoverState } from "./storage/recover-state.ts";

const CLOSE_DEADLINE_MS = 1000;

/**
 * The broker that ships with Waybill: confirmed messages are on disk and reach every group of their topic in order,
 * through crashes. Nothing is touched before `open`.
 *
 * With `dataDir` it runs inside this process, which then owns the directory: `open` throws `DATA_DIR_OWNED` when another
 * has it and `DATA_DIR_DAMAGED` when stored bytes were changed; a failed write leaves the broker down until it is opened
 * again.
 *
 * With `url` it is the server that `waybill broker` runs, for several processes. `open` throws `BROKER_UNAVAILABLE` when
 * it does not answer and `TOPOLOGY_MISMATCH` when it is a server that cannot fence, such as RabbitMQ; a connection that is
 * lost later is made again.
 *
 * @throws WaybillError `OPTIONS_INVALID`
 */
export function nativeBroker(options: NativeBrokerOptions): Broker;
export function nativeBroker(options: RemoteBrokerOptions): Broker;
export function nativeBroker(options: NativeBrokerOptions | RemoteBrokerOptions): Broker;
export function nativeBroker(options: NativeBrokerOptions | RemoteBrokerOptions): Broker {
  if ("url" in options) return new RemoteBroker(resolveRemoteBrokerOptions(options));
  return new NativeBroker(resolveNativeBrokerOptions(options));
}

type Status =
  | { readonly kind: "closed" }
  | { readonly kind: "opening"; readonly opened: Promise<void> }
  | { readonly kind: "open"; readonly engine: Engine }
  | { readonly kind: "failed"; readonly engine: Engine; readonly error: Error };

class NativeBroker implements Broker {
  readonly name = "native";
  readonly features: BrokerFeatures;
  readonly #options: ResolvedNativeBrokerOptions;
  readonly #subscriptions = new Set<NativeSubscription>();
  #status: Status = { kind: "closed" };

  constructor(options: ResolvedNativeBrokerOptions) {
    this.#options = options;
    this.features = {
      orderedByKey: true,
      fencing: true,
      prefixAcceptance: true,
      deduplicates: true,
      durable: true,
      payloadBytesMax: options.payloadBytesMax,
    };
  }

  open(): Promise<void> {
    const status = this.#status;
    if (status.kind === "open") return Promise.resolve();
    if (status.kind === "opening") return status.opened;
    const opened = this.#open(status.kind === "failed" ? status.engine : null);
    this.#status = { kind: "opening", opened };
    return opened;
  }

  async declare(_topics: readonly TopicSpec[]): Promise<void> {
    // A topic needs nothing of its own here: groups name the topics that they take.
    await this.#engine();
  }

  async declareGroup(group: string, topics: readonly string[]): Promise<void> {
    const engine = await this.#engine();
    await engine.declareGroup(group, topics);
  }

  async fence(fence: Fence): Promise<void> {
    const engine = await this.#engine();
    await engine.fence(fence);
  }

  async publish(batch: readonly Envelope[], options: PublishOptions): Promise<readonly PublishResult[]> {
    if (this.#status.kind === "open") return this.#status.engine.publish(batch, options);
    const error = this.#down();
    return batch.map(() => ({ kind: "unknown", error }));
  }

  async subscribe(options: SubscribeOptions, onDelivery: DeliveryHandler): Promise<Subscription> {
    checkSubscription(options);
    const engine = await this.#engine();
    const subscription = new NativeSubscription(options, {
      onDelivery,
      clock: this.#options.clock,
      onClosed: (closed) => this.#subscriptions.delete(closed),
    });
    await subscription.join(engine);
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async health(): Promise<BrokerHealth> {
    if (this.#status.kind !== "open") return { status: "down", detail: this.#down().message };
    const blockedBy = this.#status.engine.blockedBy;
    return blockedBy === null
      ? { status: "up", detail: "" }
      : { status: "blocked", detail: blockedBy.message };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#status.kind === "opening") await this.#status.opened.catch(() => {});
    const closing = Array.from(this.#subscriptions, (one) => one.close({ deadlineMs: CLOSE_DEADLINE_MS }));
    await Promise.all(closing);
    const status = this.#status;
    this.#status = { kind: "closed" };
    if (status.kind === "open" || status.kind === "failed") await status.engine.close();
  }

  async #engine(): Promise<Engine> {
    if (this.#status.kind === "opening") await this.#status.opened;
    if (this.#status.kind === "open") return this.#status.engine;
    throw this.#down();
  }

  #down(): WaybillError {
    if (this.#status.kind === "failed") return unavailable(this.#status.error);
    return new WaybillError("BROKER_UNAVAILABLE", "The native broker is not open. Call open() first.");
  }

  async #open(failed: Engine | null): Promise<void> {
    try {
      await failed?.close();
      const engine = await this.#recover();
      this.#status = { kind: "open", engine };
      for (const subscription of this.#subscriptions) await subscription.join(engine);
    } catch (error) {
      if (this.#status.kind === "opening") this.#status = { kind: "closed" };
      throw toWaybillError(error, this.#options.dataDir);
    }
  }

  async #recover(): Promise<Engine> {
    const { dataDir, fileSystem, onEvent } = this.#options;
    const checkpoint = await readCheckpoint(fileSystem, dataDir);
    if (typeof checkpoint === "string") {
      notify(onEvent, { type: "broker.checkpoint-ignored", level: "warn", reason: checkpoint });
    }
    const usable = typeof checkpoint === "string" ? null : checkpoint;
    const log = await this.#openLog(usable?.provenOffset ?? 0);
    try {
      if (log.tornTail !== null) {
        const { file, bytes } = log.tornTail;
        notify(onEvent, { type: "broker.torn-tail", level: "warn", file, bytes });
      }
      const { state, lost } = await recoverState(log, usable?.snapshotOffset ?? null);
      for (const { fromOffset, toOffset } of lost)
        notify(onEvent, { type: "broker.records-lost", level: "error", fromOffset, toOffset });
      const engine: Engine = new Engine(log, state, this.#options, (error) => this.#fail(engine, error));
      return engine;
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  #openLog(provenOffset: number): Promise<Log> {
    const {
      dataDir,
      segmentBytes,
      fillAheadBytes,
      queueBytesMax,
      payloadBytesMax,
      fileSystem,
      clock,
      acquireLock,
    } = this.#options;
    return openLog({
      directory: dataDir,
      segmentBytes,
      fillAheadBytes,
      queueBytesMax,
      recordBytesMax: payloadBytesMax + TEXT_BYTES_MAX + 1024,
      provenOffset,
      fileSystem,
      now: () => clock.now(),
      ...(acquireLock === undefined ? {} : { acquireLock }),
    });
  }

  #fail(engine: Engine, error: Error): void {
    if (this.#status.kind !== "open" || this.#status.engine !== engine) return;
    this.#status = { kind: "failed", engine, error };
    engine.stop();
    for (const subscription of this.#subscriptions) subscription.detach();
    notify(this.#options.onEvent, { type: "broker.failed", level: "error", error });
  }
}

function checkSubscription({ group, topics, prefetch }: SubscribeOptions): void {
  const isValid = group !== "" && topics.length > 0 && Number.isInteger(prefetch) && prefetch > 0;
  if (isValid) return;
  throw new WaybillError(
    "OPTIONS_INVALID",
    `subscribe: group "${group}", ${topics.length} topics, prefetch ${prefetch}: give a name, at least one topic and a whole number from 1.`,
  );
}

function toWaybillError(error: unknown, dataDir: string): WaybillError {
  if (error instanceof WaybillError) return error;
  if (error instanceof LogOwnedError) {
    const owner = error.ownerPid === null ? "another process" : `process ${error.ownerPid}`;
    const advice =
      "Let one worker own the broker, or run it as a server (`waybill broker`) for several processes.";
    return new WaybillError("DATA_DIR_OWNED", `${dataDir} is in use by ${owner}. ${advice}`, {
      cause: error,
    });
  }
  if (error instanceof LogError && error.code === "LOG_CORRUPT") {
    const advice = `Nothing was changed. Restore a copy of ${join(dataDir, "log")}, or keep it aside and start anew.`;
    return new WaybillError("DATA_DIR_DAMAGED", `${error.message}. ${advice}`, { cause: error });
  }
  return unavailable(error);
}
