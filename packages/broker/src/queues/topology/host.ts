import { decodeProperties } from "@waybill/amqp";
import type {
  ConnectionToken,
  ExchangeSpec,
  FieldTable,
  Publication,
  PublishVerdict,
  QueueCounts,
  QueueSpec,
  Session,
  SessionListener,
  VirtualHost,
} from "../contract.ts";
import { Queue } from "../queue/queue.ts";
import { MessageBytes } from "../queue/message-bytes.ts";
import { readPolicy } from "../queue/queue-policy.ts";
import type { ExchangePositions } from "../positions/exchange-positions.ts";
import type { TakenPosition } from "../positions/taken-position.ts";
import type { Content } from "../records/content-record.ts";
import type { StoredBinding } from "../records/topology-record.ts";
import { noExchange, noQueue, RefusalError } from "../refusal.ts";
import type { Binding, Destination } from "../routing/binding.ts";
import { DELAYED_TYPE, Exchange, isExchangeType } from "../routing/exchange.ts";
import { MATCH_KINDS } from "../routing/headers-matcher.ts";
import { Router } from "../routing/router.ts";
import type { SessionHost } from "../session/channel-session.ts";
import { ChannelSession } from "../session/channel-session.ts";
import { checkSameExchange, checkSameQueue } from "./check-same.ts";
import { ExclusiveQueues } from "./exclusive-queues.ts";
import { HostBytes } from "./host-bytes.ts";
import { checkBindingLimit, checkExchangeLimit, checkQueueLimits } from "./host-limits.ts";
import type { HostServices } from "./host-services.ts";
import { checkName, checkNotDefault } from "./names.ts";
import { PREDECLARED_COUNT, predeclaredExchanges } from "./predeclared.ts";
import { publish, routeAll } from "./publish.ts";

/** One virtual host: its exchanges, queues and bindings. */
export class Host implements VirtualHost, SessionHost {
  readonly name: string;
  readonly exchanges = new Map<string, Exchange>();
  readonly queues = new Map<string, Queue>();
  readonly services: HostServices;
  readonly router: Router;
  /** All of its messages; one that is in several queues counts in each. */
  readonly bytes: HostBytes;
  /** Those of them that are not due yet. */
  readonly delayedBytes: MessageBytes;
  readonly #exclusive = new ExclusiveQueues();
  #bindingCount = 0;

  constructor(name: string, services: HostServices) {
    this.name = name;
    this.services = services;
    this.router = new Router(this);
    const { bytesPerVirtualHostMax } = services.limits;
    this.bytes = new HostBytes(name, bytesPerVirtualHostMax, () => services.blockedChanged(this));
    this.delayedBytes = new MessageBytes(this.bytes);
    for (const exchange of predeclaredExchanges()) this.exchanges.set(exchange.name, exchange);
  }

  get blockedBy(): string | null {
    return this.bytes.blockedBy;
  }

  openSession(connection: ConnectionToken, listener: SessionListener): Session {
    const session = new ChannelSession(this, connection, listener);
    this.services.sessionOpened(session);
    return session;
  }

  async declareExchange(spec: ExchangeSpec): Promise<void> {
    const there = this.exchanges.get(spec.name);
    if (there !== undefined) {
      checkSameExchange(there.spec, spec, this.name);
      return this.services.recorded();
    }
    checkName("exchange", spec.name);
    const type = spec.type === DELAYED_TYPE ? spec.arguments["x-delayed-type"] : spec.type;
    if (!isExchangeType(type)) throw new RefusalError(503, `unknown exchange type '${String(type)}'`);
    const own = this.exchanges.size - PREDECLARED_COUNT;
    checkExchangeLimit(spec.name, this, own);
    this.addExchange(spec);
    if (spec.durable)
      await this.services.record({ op: "add-exchange", virtualHost: this.name, exchange: spec });
  }

  checkExchange(name: string): void {
    this.#exchange(name);
  }

  async deleteExchange(name: string, { ifUnused }: { readonly ifUnused: boolean }): Promise<void> {
    checkNotDefault(name);
    const exchange = this.exchanges.get(name);
    if (exchange === undefined) return;
    checkName("exchange", name);
    if (ifUnused && exchange.bindings.size > 0)
      throw new RefusalError(406, `exchange '${name}' in vhost '${this.name}' in use`);
    await this.#removeExchange(exchange);
  }

  async bindExchange(
    destination: string,
    source: string,
    routingKey: string,
    args: FieldTable,
  ): Promise<void> {
    await this.#bind(this.#betweenExchanges(destination, source, routingKey, args));
  }

  async unbindExchange(
    destination: string,
    source: string,
    routingKey: string,
    args: FieldTable,
  ): Promise<void> {
    await this.#unbind(this.#betweenExchanges(destination, source, routingKey, args));
  }

  async declareQueue(wanted: QueueSpec, connection: ConnectionToken): Promise<QueueCounts> {
    const there = this.queues.get(wanted.name);
    if (there !== undefined) {
      this.#checkOwner(there, connection);
      checkSameQueue(there.spec, wanted, this.name);
      there.used();
      await this.services.recorded();
      return countsOf(there);
    }
    if (wanted.name !== "") checkName("queue", wanted.name);
    const spec = wanted.name === "" ? { ...wanted, name: `amq.gen-${this.services.randomName()}` } : wanted;
    checkQueueLimits(spec, this, this.#exclusive.of(connection).size);
    const queue = this.addQueue(this.services.nextQueueId(), spec, connection);
    if (queue.isStored) {
      await this.services.record({ op: "add-queue", virtualHost: this.name, id: queue.id, queue: spec });
    }
    return countsOf(queue);
  }

  checkQueue(name: string, connection: ConnectionToken): QueueCounts {
    return countsOf(this.queueFor(name, connection));
  }

  async deleteQueue(
    name: string,
    { ifUnused, ifEmpty }: { readonly ifUnused: boolean; readonly ifEmpty: boolean },
    connection: ConnectionToken,
  ): Promise<number> {
    const queue = this.queues.get(name);
    if (queue === undefined) return 0;
    this.#checkOwner(queue, connection);
    if (ifUnused && queue.consumers.size > 0)
      throw new RefusalError(406, `queue '${name}' in vhost '${this.name}' in use`);
    if (ifEmpty && queue.readyCount > 0)
      throw new RefusalError(406, `queue '${name}' in vhost '${this.name}' is not empty`);
    const count = queue.readyCount;
    await this.removeQueue(queue);
    return count;
  }

  async purgeQueue(name: string, connection: ConnectionToken): Promise<number> {
    const count = this.queueFor(name, connection).purge();
    await this.services.recorded();
    return count;
  }

  async bindQueue(
    queue: string,
    exchange: string,
    routingKey: string,
    args: FieldTable,
    connection: ConnectionToken,
  ): Promise<void> {
    checkNotDefault(exchange);
    const destination = this.queueFor(queue, connection);
    await this.#bind({ source: this.#exchange(exchange).name, destination, routingKey, arguments: args });
  }

  async unbindQueue(
    queue: string,
    exchange: string,
    routingKey: string,
    args: FieldTable,
    connection: ConnectionToken,
  ): Promise<void> {
    checkNotDefault(exchange);
    const destination = this.queueFor(queue, connection);
    await this.#unbind({ source: this.#exchange(exchange).name, destination, routingKey, arguments: args });
  }

  publish(publication: Publication, position: TakenPosition | null): PublishVerdict {
    const { exchange: name } = publication;
    const exchange = this.#exchange(name);
    if (exchange.spec.internal)
      throw new RefusalError(403, `cannot publish to internal exchange '${name}' in vhost '${this.name}'`);
    return publish(this, exchange, publication, position);
  }

  positionsOf(name: string): ExchangePositions {
    checkNotDefault(name);
    const exchange = this.#exchange(name);
    if (exchange.spec.internal || !exchange.isStored)
      throw new RefusalError(406, `exchange '${name}' in vhost '${this.name}' is internal or not durable`);
    exchange.positions ??= this.services.positions.open(this.name, name);
    return exchange.positions;
  }

  /** The queues that a stored message finds now; none when the exchange is gone. */
  route(exchangeName: string, content: Content, keys: readonly string[]): readonly Queue[] {
    const exchange = this.exchanges.get(exchangeName);
    if (exchange === undefined) return [];
    return routeAll(this.router, exchange, keys, () => decodeProperties(content.properties).headers ?? {});
  }

  queueFor(name: string, connection: ConnectionToken): Queue {
    const queue = this.queues.get(name);
    if (queue === undefined) throw noQueue(name, this.name);
    this.#checkOwner(queue, connection);
    return queue;
  }

  connectionClosed(connection: ConnectionToken): void {
    for (const queue of this.#exclusive.of(connection)) this.removeQueue(queue).catch(() => {});
  }

  unused(queue: Queue): void {
    if (!queue.spec.autoDelete || !queue.wasConsumed || queue.consumers.size > 0) return;
    this.removeQueue(queue).catch(() => {});
  }

  closed(session: ChannelSession): void {
    this.services.sessionClosed(session);
  }

  /** Without checks and without a record: what is stored already. */
  addExchange(spec: ExchangeSpec): void {
    if (!this.exchanges.has(spec.name)) this.exchanges.set(spec.name, new Exchange(spec));
    this.router.forget();
  }

  addQueue(id: number, spec: QueueSpec, connection: ConnectionToken | null): Queue {
    const policy = readPolicy(spec, this.name);
    const owner = spec.exclusive ? connection : null;
    const fields = { id, spec, policy, virtualHost: this.name, owner, bytes: new MessageBytes(this.bytes) };
    const queue = new Queue(fields, this.services);
    this.queues.set(spec.name, queue);
    this.#exclusive.add(queue);
    this.router.forget();
    this.services.queueOpened(queue);
    return queue;
  }

  addBinding(stored: StoredBinding): void {
    const binding = this.#binding(stored);
    if (binding !== null) this.#attach(binding);
  }

  removeBinding(stored: StoredBinding): void {
    const binding = this.#binding(stored);
    const found = binding === null ? undefined : this.#exchange(binding.source).find(binding);
    if (found !== undefined) this.#detach(found);
  }

  async removeQueue(queue: Queue): Promise<void> {
    if (this.queues.get(queue.name) !== queue) return;
    const sources = sourcesOf(queue);
    this.forgetQueue(queue);
    const dropped = queue.isStored ? this.services.record({ op: "drop-queue", id: queue.id }) : undefined;
    await Promise.all([dropped, ...sources.map((source) => this.#dropUnused(source))]);
  }

  /** Without a record. */
  forgetQueue(queue: Queue): void {
    for (const binding of queue.incoming) this.#detach(binding);
    this.queues.delete(queue.name);
    this.#exclusive.remove(queue);
    this.router.forget();
    queue.end();
    this.services.queueClosed(queue);
  }

  /** Without a record. */
  forgetExchange(name: string): void {
    const exchange = this.exchanges.get(name);
    if (exchange === undefined) return;
    for (const binding of [...exchange.bindings, ...exchange.incoming]) this.#detach(binding);
    if (exchange.positions !== null) this.services.positions.close(exchange.positions);
    this.exchanges.delete(name);
    this.router.forget();
  }

  async #removeExchange(exchange: Exchange): Promise<void> {
    const sources = sourcesOf(exchange);
    this.forgetExchange(exchange.name);
    const dropped = exchange.isStored
      ? this.services.record({ op: "drop-exchange", virtualHost: this.name, name: exchange.name })
      : undefined;
    await Promise.all([dropped, ...sources.map((source) => this.#dropUnused(source))]);
  }

  /** An auto-delete exchange goes with its last binding. */
  async #dropUnused(name: string): Promise<void> {
    const exchange = this.exchanges.get(name);
    if (exchange === undefined || !exchange.spec.autoDelete) return;
    if (exchange.wasBound && exchange.bindings.size === 0) await this.#removeExchange(exchange);
  }

  #betweenExchanges(destination: string, source: string, routingKey: string, args: FieldTable): Binding {
    checkNotDefault(source);
    checkNotDefault(destination);
    const target = this.#exchange(destination);
    return { source: this.#exchange(source).name, destination: target, routingKey, arguments: args };
  }

  async #bind(binding: Binding): Promise<void> {
    const source = this.#exchange(binding.source);
    const kind = binding.arguments["x-match"];
    if (source.needsHeaders && kind !== undefined && !MATCH_KINDS.includes(kind))
      throw new RefusalError(406, `invalid x-match field value ${JSON.stringify(kind)}; expected all or any`);
    if (source.find(binding) !== undefined) return this.services.recorded();
    checkBindingLimit(binding.destination.name, this, this.#bindingCount);
    this.#attach(binding);
    if (this.#isStored(binding)) await this.services.record({ op: "bind", ...this.#storedForm(binding) });
  }

  async #unbind(binding: Binding): Promise<void> {
    const found = this.#exchange(binding.source).find(binding);
    if (found === undefined) return;
    const stored = this.#isStored(found)
      ? this.services.record({ op: "unbind", ...this.#storedForm(found) })
      : undefined;
    this.#detach(found);
    await Promise.all([stored, this.#dropUnused(found.source)]);
  }

  #attach(binding: Binding): void {
    const source = this.#exchange(binding.source);
    if (source.find(binding) !== undefined) return;
    source.add(binding);
    this.#bindingCount += 1;
    binding.destination.incoming.add(binding);
    this.router.forget();
  }

  #detach(binding: Binding): void {
    const source = this.exchanges.get(binding.source);
    if (source?.bindings.has(binding) === true) this.#bindingCount -= 1;
    source?.remove(binding);
    binding.destination.incoming.delete(binding);
    this.router.forget();
  }

  #storedForm({ source, destination, routingKey, arguments: args }: Binding): StoredBinding {
    const toQueue = destination.kind === "queue";
    return {
      virtualHost: this.name,
      source,
      toQueue,
      destination: destination.name,
      routingKey,
      arguments: args,
    };
  }

  #binding({ source, toQueue, destination, routingKey, arguments: args }: StoredBinding): Binding | null {
    const target = toQueue ? this.queues.get(destination) : this.exchanges.get(destination);
    if (target === undefined || !this.exchanges.has(source)) return null;
    return { source, destination: target, routingKey, arguments: args };
  }

  #isStored({ source, destination }: Binding): boolean {
    return destination.isStored && this.#exchange(source).isStored;
  }

  #exchange(name: string): Exchange {
    const exchange = this.exchanges.get(name);
    if (exchange === undefined) throw noExchange(name, this.name);
    return exchange;
  }

  #checkOwner(queue: Queue, connection: ConnectionToken): void {
    if (queue.owner === null || queue.owner === connection) return;
    const text =
      "It could be originally declared on another connection or the exclusive property value does not match that of the original declaration.";
    throw new RefusalError(
      405,
      `cannot obtain exclusive access to locked queue '${queue.name}' in vhost '${this.name}'. ${text}`,
    );
  }
}

function sourcesOf(destination: Destination): string[] {
  return [...new Set(Array.from(destination.incoming, ({ source }) => source))];
}

function countsOf(queue: Queue): QueueCounts {
  return { name: queue.name, messageCount: queue.readyCount, consumerCount: queue.consumers.size };
}
