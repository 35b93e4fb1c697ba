import type { FieldTable } from "../contract.ts";
import type { Queue } from "../queue/queue.ts";
import type { Binding, Routable } from "./binding.ts";
import type { Exchange } from "./exchange.ts";

const CACHED_MAX = 16_384;

/** Where the router finds what bindings name. */
export interface Topology {
  readonly exchanges: ReadonlyMap<string, Exchange>;
  readonly queues: ReadonlyMap<string, Queue>;
}

/** A route that is remembered, and whether it may be: with headers involved, it may not. */
interface Walk {
  readonly queues: Set<Queue>;
  readonly seen: Set<Exchange>;
  usedHeaders: boolean;
}

/** Finds the queues of a message. Routes by key are remembered until a binding changes. */
export class Router {
  readonly #topology: Topology;
  readonly #cache = new Map<Exchange, Map<string, readonly Queue[]>>();
  #cached = 0;

  constructor(topology: Topology) {
    this.#topology = topology;
  }

  /** Exchanges, queues or bindings changed. */
  forget(): void {
    if (this.#cached === 0) return;
    this.#cache.clear();
    this.#cached = 0;
  }

  route(exchange: Exchange, routingKey: string, headers: () => FieldTable): readonly Queue[] {
    const known = this.#cache.get(exchange)?.get(routingKey);
    if (known !== undefined) return known;
    const walk: Walk = { queues: new Set(), seen: new Set(), usedHeaders: false };
    this.#walk(exchange, { routingKey, headers }, walk);
    const queues = [...walk.queues];
    if (!walk.usedHeaders) this.#remember(exchange, routingKey, queues);
    return queues;
  }

  /** Circles end where they were before. */
  #walk(exchange: Exchange, message: Routable, walk: Walk): void {
    if (walk.seen.has(exchange)) return;
    walk.seen.add(exchange);
    walk.usedHeaders ||= exchange.needsHeaders;
    let matched = 0;
    const found = ({ destination }: Binding): void => {
      matched += 1;
      if (destination.kind === "queue") this.#add(destination.name, walk);
      else this.#walkNamed(destination.name, message, walk);
    };
    if (exchange.name === "") {
      // Every queue is bound to the default exchange by its name.
      return this.#add(message.routingKey, walk);
    }
    exchange.matcher.match(message, found);
    if (matched === 0 && exchange.alternate !== null) this.#walkNamed(exchange.alternate, message, walk);
  }

  #walkNamed(name: string, message: Routable, walk: Walk): void {
    const exchange = this.#topology.exchanges.get(name);
    if (exchange !== undefined) this.#walk(exchange, message, walk);
  }

  #add(name: string, walk: Walk): void {
    const queue = this.#topology.queues.get(name);
    if (queue !== undefined) walk.queues.add(queue);
  }

  #remember(exchange: Exchange, routingKey: string, queues: readonly Queue[]): void {
    if (this.#cached >= CACHED_MAX) this.forget();
    let keys = this.#cache.get(exchange);
    if (keys === undefined) {
      keys = new Map();
      this.#cache.set(exchange, keys);
    }
    keys.set(routingKey, queues);
    this.#cached += 1;
  }
}
