import type { ExchangeSpec } from "../contract.ts";
import type { ExchangePositions } from "../positions/exchange-positions.ts";
import type { Binding, Destination, Matcher } from "./binding.ts";
import { sameTable } from "../topology/same-field.ts";
import { HeadersMatcher } from "./headers-matcher.ts";
import { DirectMatcher, FanoutMatcher } from "./key-matchers.ts";
import { TopicTrie } from "./topic-trie.ts";

const MATCHERS: Readonly<Record<string, () => Matcher>> = {
  direct: () => new DirectMatcher(),
  fanout: () => new FanoutMatcher(),
  topic: () => new TopicTrie(),
  headers: () => new HeadersMatcher(),
};

export const DELAYED_TYPE = "x-delayed-message";

export function isExchangeType(type: unknown): type is string {
  return typeof type === "string" && Object.hasOwn(MATCHERS, type);
}

/** An exchange and its bindings. */
export class Exchange implements Destination {
  readonly kind = "exchange";
  readonly spec: ExchangeSpec;
  /** Messages with `x-delay` wait before they are routed. */
  readonly isDelayed: boolean;
  /** Routing depends on more than the routing key. */
  readonly needsHeaders: boolean;
  readonly alternate: string | null;
  readonly bindings = new Set<Binding>();
  /** The same, those together that differ in their arguments only: a binding is looked for whenever one is made. */
  readonly #alike = new Map<string, Binding[]>();
  /** Bindings that lead here. */
  readonly incoming = new Set<Binding>();
  readonly matcher: Matcher;
  /** What fenced publishers stored through it; `null` while there were none. */
  positions: ExchangePositions | null = null;
  wasBound = false;

  constructor(spec: ExchangeSpec) {
    this.spec = spec;
    this.isDelayed = spec.type === DELAYED_TYPE;
    const type = this.isDelayed ? spec.arguments["x-delayed-type"] : spec.type;
    const make = typeof type === "string" ? MATCHERS[type] : undefined;
    if (make === undefined) throw new Error(`exchange type ${String(type)} is not known`);
    this.matcher = make();
    this.needsHeaders = type === "headers";
    const alternate = spec.arguments["alternate-exchange"];
    this.alternate = typeof alternate === "string" ? alternate : null;
  }

  get name(): string {
    return this.spec.name;
  }

  get isStored(): boolean {
    return this.spec.durable;
  }

  find(like: Binding): Binding | undefined {
    return this.#alike.get(keyOf(like))?.find((binding) => sameTable(binding.arguments, like.arguments));
  }

  add(binding: Binding): void {
    this.bindings.add(binding);
    const alike = this.#alike.get(keyOf(binding));
    if (alike === undefined) this.#alike.set(keyOf(binding), [binding]);
    else alike.push(binding);
    this.matcher.add(binding);
    this.wasBound = true;
  }

  remove(binding: Binding): void {
    if (!this.bindings.delete(binding)) return;
    const alike = this.#alike.get(keyOf(binding))?.filter((one) => one !== binding) ?? [];
    if (alike.length > 0) this.#alike.set(keyOf(binding), alike);
    else this.#alike.delete(keyOf(binding));
    this.matcher.remove(binding);
  }
}

function keyOf({ destination, routingKey }: Binding): string {
  return `${destination.kind} ${destination.name.length} ${destination.name} ${routingKey}`;
}
