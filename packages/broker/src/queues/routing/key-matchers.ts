import type { Binding, Matcher, Routable } from "./binding.ts";

/** Equal routing keys. */
export class DirectMatcher implements Matcher {
  readonly #byKey = new Map<string, Set<Binding>>();

  add(binding: Binding): void {
    const bindings = this.#byKey.get(binding.routingKey);
    if (bindings === undefined) this.#byKey.set(binding.routingKey, new Set([binding]));
    else bindings.add(binding);
  }

  remove(binding: Binding): void {
    const bindings = this.#byKey.get(binding.routingKey);
    bindings?.delete(binding);
    if (bindings?.size === 0) this.#byKey.delete(binding.routingKey);
  }

  match(message: Routable, found: (binding: Binding) => void): void {
    for (const binding of this.#byKey.get(message.routingKey) ?? []) found(binding);
  }
}

/** Every binding. */
export class FanoutMatcher implements Matcher {
  readonly #bindings = new Set<Binding>();

  add(binding: Binding): void {
    this.#bindings.add(binding);
  }

  remove(binding: Binding): void {
    this.#bindings.delete(binding);
  }

  match(_message: Routable, found: (binding: Binding) => void): void {
    for (const binding of this.#bindings) found(binding);
  }
}
