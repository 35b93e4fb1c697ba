import { AsyncLocalStorage } from "node:async_hooks";
import { WaybillError } from "../errors/waybill-error.ts";
import type { Cancellation } from "../ports/cancellation.ts";

/** One transaction as the code sees it that runs inside. */
interface Scope<Tx> {
  readonly tx: Tx;
  /** `false` from the moment when the work has settled, before COMMIT. */
  open: boolean;
  /** What joined work failed with: the whole transaction must fail then, also if somebody caught the error. */
  failure: { readonly error: unknown } | null;
  /** What works in this transaction, by its owner. */
  readonly attached: Map<object, Attached>;
}

/** Something that has to be finished before its transaction ends. */
interface Attached {
  finish(): Promise<void>;
}

/**
 * The transaction that the running code is inside of. It follows every `await`, callback and timer that is started in
 * it, and each of them sees either this one, while it is open, or none: never another request's.
 */
export class AmbientTransaction<Tx> {
  readonly #scopes = new AsyncLocalStorage<Scope<Tx>>();

  /** Whether the running code is inside a transaction that is still open. */
  get isOpen(): boolean {
    return this.#scopes.getStore()?.open === true;
  }

  /** @throws WaybillError `NOT_IN_TRANSACTION` outside of any, and in what outlived the one in which it was started */
  get tx(): Tx {
    return this.#openScope().tx;
  }

  /**
   * Makes `tx` the ambient transaction of `work` until that settles or `signal` aborts, and finishes what was attached to
   * it. Rejects also with what joined work failed with.
   */
  async run<T>(tx: Tx, work: () => Promise<T> | T, signal?: Cancellation): Promise<T> {
    const scope: Scope<Tx> = { tx, open: true, failure: null, attached: new Map() };
    const close = (): void => void (scope.open = false);
    signal?.addEventListener("abort", close);
    try {
      const result = await this.#scopes.run(scope, async () => work());
      if (scope.failure !== null) throw scope.failure.error;
      for (const attached of scope.attached.values()) await attached.finish();
      return result;
    } finally {
      close();
      signal?.removeEventListener("abort", close);
    }
  }

  /** Runs `work` in the ambient transaction. If it fails, the whole transaction does. */
  async join<T>(work: (tx: Tx) => Promise<T> | T): Promise<T> {
    const scope = this.#openScope();
    try {
      return await work(scope.tx);
    } catch (error) {
      scope.failure ??= { error };
      throw error;
    }
  }

  /**
   * What `owner` has in the ambient transaction, made when it is asked for first and finished before the transaction
   * ends.
   *
   * @throws WaybillError `NOT_IN_TRANSACTION`
   */
  attach<A extends Attached>(owner: object, make: (tx: Tx) => A): A {
    const { tx, attached } = this.#openScope();
    const known = attached.get(owner);
    if (known !== undefined) return known as A;
    const made = make(tx);
    attached.set(owner, made);
    return made;
  }

  #openScope(): Scope<Tx> {
    const scope = this.#scopes.getStore();
    if (scope?.open === true) return scope;
    throw new WaybillError(
      "NOT_IN_TRANSACTION",
      scope === undefined
        ? "There is no ambient transaction here: call this inside runInTransaction, transactional, idempotent or a consumer's handler."
        : "The transaction in which this work was started has ended. Await everything that uses it before it ends, or give later work a transaction of its own.",
    );
  }
}
