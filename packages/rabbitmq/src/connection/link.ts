import type { ChannelModel } from "amqplib";
import { WaybillError } from "@waybill/core";
import type { Role } from "../events.ts";
import { notify } from "../events.ts";
import type { ResolvedRabbitmqBrokerOptions } from "../options/rabbitmq-broker-options.ts";
import { backOffMs } from "./back-off.ts";
import { destroy, dial, hostOf } from "./dial.ts";
import { asError, messageOf, unavailable } from "./unavailable.ts";
import { within } from "./within.ts";

/** What lives on a connection. */
export interface LinkUser {
  /** Prepares a new connection. It counts as up only when this has resolved. */
  restore(model: ChannelModel): Promise<void>;
  /** The connection is gone, and everything on it. */
  lost(error: Error): void;
}

type Status =
  | { readonly kind: "closed" }
  | { readonly kind: "down"; readonly error: Error }
  | { readonly kind: "up"; readonly model: ChannelModel };

/**
 * One connection, kept up: once it was up it is made again whenever it is lost, over all URLs in turn, with growing
 * pauses, until it is closed.
 */
export class Link {
  readonly #role: Role;
  readonly #options: ResolvedRabbitmqBrokerOptions;
  readonly #user: LinkUser;
  #status: Status = { kind: "closed" };
  #attempt: Promise<ChannelModel> | null = null;
  /** Counts `close` calls, so that an attempt that ends later knows that nobody wants it. */
  #era = 0;
  #wasUp = false;
  #failures = 0;
  #urlIndex = 0;
  #blockedBy: string | null = null;
  /** Ends the pause before the next attempt. */
  #retry = new AbortController();

  constructor(role: Role, options: ResolvedRabbitmqBrokerOptions, user: LinkUser) {
    this.#role = role;
    this.#options = options;
    this.#user = user;
  }

  /** The connection, if it is up. */
  get model(): ChannelModel | null {
    return this.#status.kind === "up" ? this.#status.model : null;
  }

  /** Whether anybody uses it: a process that only publishes needs no second connection. */
  get isUsed(): boolean {
    return this.#status.kind !== "closed";
  }

  /** Why the server takes no publishes for now, `null` when it does. */
  get blockedBy(): string | null {
    return this.#blockedBy;
  }

  /** Why it is not up, `null` when it is. */
  get trouble(): Error | null {
    if (this.#status.kind === "up") return null;
    return this.#status.kind === "down" ? this.#status.error : unavailable("the broker is not open.");
  }

  /**
   * The connection; when it is not up, it is made now.
   *
   * @throws WaybillError `BROKER_UNAVAILABLE`, or what `restore` throws
   */
  open(): Promise<ChannelModel> {
    if (this.#status.kind === "up") return Promise.resolve(this.#status.model);
    this.#retry.abort();
    this.#attempt ??= this.#connect(this.#era).finally(() => (this.#attempt = null));
    return this.#attempt;
  }

  /** Gives a connection up that is of no more use, and makes another. */
  replace(error: Error): void {
    if (this.#status.kind === "up") this.#lose(this.#status.model, error);
  }

  async close(): Promise<void> {
    this.#era += 1;
    this.#wasUp = false;
    this.#retry.abort();
    const status = this.#status;
    this.#status = { kind: "closed" };
    this.#blockedBy = null;
    if (status.kind !== "up") return;
    this.#user.lost(unavailable("the broker was closed."));
    const { requestTimeoutMs, clock } = this.#options;
    try {
      await within(status.model.close(), Math.min(requestTimeoutMs, 2_000), "not closed", clock);
    } catch (error) {
      destroy(status.model, asError(error));
    }
  }

  async #connect(era: number): Promise<ChannelModel> {
    try {
      const model = await this.#dialAny();
      await this.#takeUp(model, era);
      return model;
    } catch (thrown) {
      const error = thrown instanceof WaybillError ? thrown : unavailable(messageOf(thrown), thrown);
      if (era !== this.#era) throw error;
      this.#status = { kind: "down", error };
      this.#failures += 1;
      this.#retryLater(error);
      throw error;
    }
  }

  async #dialAny(): Promise<ChannelModel> {
    const { urls, clock } = this.#options;
    const failures: unknown[] = [];
    for (const _ of urls) {
      const url = urls[this.#urlIndex % urls.length] ?? "";
      try {
        return await dial(url, this.#options, this.#role, clock);
      } catch (error) {
        this.#urlIndex += 1;
        failures.push(`${hostOf(url)}: ${messageOf(error)}`);
      }
    }
    throw unavailable(`cannot connect to ${failures.join("; ")}.`);
  }

  /** Makes the connection the current one, unless it is lost or unwanted before it is prepared. */
  async #takeUp(model: ChannelModel, era: number): Promise<void> {
    let end: Error | null = null;
    const ended = Promise.withResolvers<never>();
    ended.promise.catch(() => {});
    model.on("close", (error) => {
      end ??= error ?? new Error("the connection was closed");
      ended.reject(end);
      this.#lose(model, end);
    });
    model.on("blocked", (reason) => this.#block(model, reason));
    model.on("unblocked", () => this.#block(model, null));
    const { requestTimeoutMs, clock } = this.#options;
    try {
      const restored = Promise.race([this.#user.restore(model), ended.promise]);
      await within(restored, requestTimeoutMs, "the server did not answer", clock);
      if (era !== this.#era) throw unavailable("the broker was closed.");
    } catch (error) {
      this.#user.lost(asError(error));
      this.#urlIndex += 1;
      destroy(model, asError(error));
      throw error;
    }
    this.#status = { kind: "up", model };
    this.#wasUp = true;
    this.#failures = 0;
    this.#blockedBy = null;
    const host = hostOf(this.#options.urls[this.#urlIndex % this.#options.urls.length] ?? "");
    notify(this.#options.onEvent, { type: "rabbitmq.connected", level: "info", role: this.#role, host });
  }

  #lose(model: ChannelModel, error: Error): void {
    if (this.model !== model) return;
    this.#status = { kind: "down", error: unavailable(`the connection was lost: ${error.message}`, error) };
    this.#blockedBy = null;
    this.#urlIndex += 1;
    destroy(model, error);
    this.#user.lost(error);
    this.#retryLater(error);
  }

  #retryLater(error: Error): void {
    if (!this.#wasUp) return;
    const { reconnectMaxMs, random, clock, onEvent } = this.#options;
    const retryInMs = backOffMs(this.#failures, reconnectMaxMs, random);
    notify(onEvent, {
      type: "rabbitmq.disconnected",
      level: "warn",
      role: this.#role,
      retryInMs,
      error,
    });
    this.#retry.abort();
    const retry = new AbortController();
    this.#retry = retry;
    void clock.sleep(retryInMs, retry.signal).then(() => {
      if (!retry.signal.aborted) this.open().catch(() => {});
    });
  }

  #block(model: ChannelModel, reason: string | null): void {
    if (this.model !== model || this.#blockedBy === reason) return;
    this.#blockedBy = reason;
    if (this.#role !== "publishing") return;
    notify(
      this.#options.onEvent,
      reason === null
        ? { type: "rabbitmq.unblocked", level: "info" }
        : { type: "rabbitmq.blocked", level: "warn", reason },
    );
  }
}
