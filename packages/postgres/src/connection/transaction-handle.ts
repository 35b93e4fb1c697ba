import { WaybillError } from "@waybill/core";
import type { ClientBase } from "pg";
import { Loss } from "./loss.ts";

type Method = (...args: unknown[]) => unknown;

/** Under this name a handle has what is known of its transaction; not in a map by handle, which the garbage collector has to follow. */
const KNOWN = Symbol("waybill.transaction");

/**
 * A client for the length of one transaction: `client` stands for it while the transaction is open, and refuses what
 * still uses it afterwards.
 */
export class TransactionHandle implements ProxyHandler<ClientBase> {
  readonly client: ClientBase;
  /** Whether nobody uses the savepoint with which the transaction was opened. */
  savepointFree = false;
  /** Whether the connection must serve nobody else afterwards: somebody may go on using it. */
  condemned = false;
  /** Gives the transaction up; for what can find out only inside that it has to be. */
  readonly loss = new Loss();
  readonly of: ClientBase;
  readonly #whole: TransactionHandle | null;
  #ended = false;
  #query: Method | null = null;
  #methods: Map<PropertyKey, Method> | null = null;
  #actions: Set<() => void> | null = null;

  /** @param whole the transaction, for a part of it that can end before */
  constructor(of: ClientBase, whole: TransactionHandle | null = null) {
    this.of = of;
    this.#whole = whole;
    this.client = new Proxy(of, this);
  }

  get(target: ClientBase, property: PropertyKey): unknown {
    if (property === KNOWN) return this;
    if (property === "query" && this.#query !== null) return this.#query;
    const value: unknown = Reflect.get(target, property, target);
    return typeof value === "function" && property !== "constructor"
      ? this.#methodOf(property, value as Method)
      : value;
  }

  /** From now on it sends nothing: the connection goes on to serve transactions of others. */
  end(): void {
    this.#ended = true;
  }

  afterCommit(action: () => void): void {
    if (this.#ended) return;
    if (this.#whole !== null) return this.#whole.afterCommit(action);
    this.#actions ??= new Set();
    this.#actions.add(action);
  }

  committed(): void {
    if (this.#actions !== null) for (const action of this.#actions) action();
  }

  #methodOf(property: PropertyKey, method: Method): Method {
    if (property === "query") return (this.#query = this.#made(property, method));
    this.#methods ??= new Map();
    let made = this.#methods.get(property);
    if (made === undefined) this.#methods.set(property, (made = this.#made(property, method)));
    return made;
  }

  #made(property: PropertyKey, method: Method): Method {
    return (...args) => {
      if (!this.#ended) return Reflect.apply(method, this.of, args);
      if (property === "getTransactionStatus") return null;
      if (property === "query") return Promise.reject(transactionEnded());
      throw transactionEnded();
    };
  }
}

/** The handle that a client is, if it is one. */
export function handleOf(client: ClientBase): TransactionHandle | undefined {
  return (client as ClientBase & { readonly [KNOWN]?: TransactionHandle })[KNOWN];
}

function transactionEnded(): WaybillError {
  return new WaybillError(
    "NOT_IN_TRANSACTION",
    "The transaction has ended, and its connection serves others. Await everything that uses it before it ends.",
  );
}
