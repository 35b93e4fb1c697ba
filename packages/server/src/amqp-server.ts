import type { Socket } from "node:net";
import type { SecureContextOptions } from "node:tls";
import type { QueueEngine } from "@waybill/broker/queues";
import { Connection } from "./connection/connection.ts";
import type { ConnectionHost } from "./connection/connection-host.ts";
import { UnflushedBudget } from "./connection/unflushed-budget.ts";
import { Counters } from "./counters.ts";
import { notify, type ServerEventListener } from "./events.ts";
import type { ResolvedServerLimits } from "./limits.ts";
import { Admission } from "./listener/admission.ts";
import { Listener } from "./listener/listener.ts";
import type { BoundAddress, ListenOn, RunningServer, ServerReport } from "./options.ts";
import type { Authenticator } from "./users/access.ts";

const CLOSE_DEADLINE_MS = 10_000;

export interface AmqpServerOptions {
  readonly engine: QueueEngine;
  readonly authenticator: Authenticator;
  readonly limits: ResolvedServerLimits;
  readonly version: string;
  readonly onEvent: ServerEventListener;
}

/** All connections of one server, and what they share. */
export class AmqpServer implements RunningServer, ConnectionHost {
  readonly engine: QueueEngine;
  readonly authenticator: Authenticator;
  readonly limits: ResolvedServerLimits;
  readonly version: string;
  readonly onEvent: ServerEventListener;
  readonly counters: Counters = new Counters();
  readonly admission: Admission;
  readonly budget: UnflushedBudget;
  readonly #listeners: Listener[] = [];
  readonly #connections = new Set<Connection>();
  readonly #allGone = Promise.withResolvers<void>();
  #blockedBy: string | null = null;
  #isStopping = false;

  constructor({ engine, authenticator, limits, version, onEvent }: AmqpServerOptions) {
    this.engine = engine;
    this.authenticator = authenticator;
    this.limits = limits;
    this.version = version;
    this.onEvent = onEvent;
    this.admission = new Admission(limits);
    this.budget = new UnflushedBudget(limits.unflushedTotalBytesMax, this.counters);
    engine.onBlocked = (reason) => {
      this.#blockedBy = reason;
      this.#blocked(reason, null);
    };
    engine.onVirtualHostBlocked = (virtualHost, reason) => this.#blocked(reason, virtualHost);
    engine.onFailed = (error) => this.#failed(error);
  }

  get blockedBy(): string | null {
    return this.#blockedBy;
  }

  get addresses(): readonly BoundAddress[] {
    return this.#listeners.map(({ address }) => address);
  }

  async listen(on: ListenOn): Promise<void> {
    const listener = await Listener.open(
      on,
      (address) => this.#admits(address),
      (socket, address) => this.#accept(socket, address),
    );
    this.#listeners.push(listener);
  }

  report(): ServerReport {
    const { connections, handshakes } = this.admission;
    return { ...this.counters.report(), connections, handshakes };
  }

  replaceCertificates(tls: SecureContextOptions): void {
    for (const listener of this.#listeners) listener.replaceCertificates(tls);
  }

  reviewAccess(): void {
    for (const connection of this.#connections) connection.review();
  }

  async close({ deadlineMs = CLOSE_DEADLINE_MS }: { readonly deadlineMs?: number } = {}): Promise<void> {
    this.#isStopping = true;
    for (const listener of this.#listeners) listener.close();
    for (const connection of this.#connections) connection.stop();
    if (this.#connections.size === 0) this.#allGone.resolve();
    const timer = setTimeout(() => {
      for (const connection of this.#connections) connection.drop("the server stopped");
    }, deadlineMs);
    await this.#allGone.promise;
    clearTimeout(timer);
  }

  #admits(address: string): boolean {
    if (!this.#isStopping && this.admission.admitsHandshake(address)) return true;
    this.counters.connectionsRefused += 1;
    return false;
  }

  #accept(socket: Socket, address: string): void {
    const connection: Connection = new Connection(socket, address, this, () => {
      this.#connections.delete(connection);
      if (this.#isStopping && this.#connections.size === 0) this.#allGone.resolve();
    });
    this.#connections.add(connection);
  }

  #blocked(reason: string | null, virtualHost: string | null): void {
    notify(this.onEvent, { type: "server.blocked", level: "warn", reason, virtualHost });
    for (const connection of this.#connections) connection.reviewBlocked();
  }

  #failed(error: Error): void {
    notify(this.onEvent, { type: "server.failed", level: "error", error });
    for (const connection of this.#connections) connection.failed();
  }
}
