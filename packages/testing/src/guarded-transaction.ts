import { never, type Passage } from "./life.ts";

const originals = new WeakMap<object, unknown>();

/**
 * A transaction as the code of one process sees it: what it awaits through it never settles after the process died, so
 * that no statement of a dead handler reaches a connection that serves somebody else by then.
 */
export function guardedTransaction<Tx>(tx: Tx, life: Passage): Tx {
  if (!isObject(tx)) return tx;
  const methods = new Map<PropertyKey, unknown>();
  const guarded: object = new Proxy(tx, {
    apply: (target, _this, args: unknown[]) =>
      call("transaction", target as unknown as Method, undefined, args),
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function" || typeof name === "symbol" || name === "constructor") return value;
      const known = methods.get(name);
      if (known !== undefined) return known;
      const method = new Proxy(value, {
        apply: (original, _this, args: unknown[]) =>
          call(`transaction.${name}`, original as Method, target, args),
      });
      methods.set(name, method);
      return method;
    },
  });

  /** Only what answers a promise is an await; query builders and plain answers pass through. */
  function call(name: string, method: Method, self: unknown, args: readonly unknown[]): unknown {
    if (life.dead) return never();
    const answer = Reflect.apply(method, self, args);
    if (!(answer instanceof Promise)) return answer;
    answer.catch(() => undefined);
    return life.pass(name, () => answer as Promise<unknown>);
  }

  originals.set(guarded, tx);
  return guarded as Tx;
}

/** The transaction behind a guarded one, or whatever was given. */
export function originalOf<T>(value: T): T {
  return (isObject(value) ? (originals.get(value) ?? value) : value) as T;
}

type Method = (...args: readonly unknown[]) => unknown;

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}
