import type { FieldTable } from "../contract.ts";

/** What a binding leads to: a queue or an exchange. */
export interface Destination {
  readonly kind: "queue" | "exchange";
  readonly name: string;
  /** Whether it survives a restart. */
  readonly isStored: boolean;
  /** Bindings that lead here. */
  readonly incoming: Set<Binding>;
}

/** A way out of an exchange. */
export interface Binding {
  /** The name of the exchange. */
  readonly source: string;
  readonly destination: Destination;
  readonly routingKey: string;
  readonly arguments: FieldTable;
}

/** What an exchange asks about a message. Headers are decoded only when somebody wants them. */
export interface Routable {
  readonly routingKey: string;
  headers(): FieldTable;
}

/** Finds the bindings that a message matches. */
export interface Matcher {
  add(binding: Binding): void;
  remove(binding: Binding): void;
  match(message: Routable, found: (binding: Binding) => void): void;
}
