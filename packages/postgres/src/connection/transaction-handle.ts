import { WaybillError } from "@waybill/core";
import type { ClientBase } from "pg";

/** A client for the length of one transaction. */
export interface TransactionHandle {
  readonly client: ClientBase;
  /** From now on it sends nothing: the connection goes on to serve transactions of others. */
  end(): void;
}

type Method = (...args: unknown[]) => unknown;

/** Stands for the client while its transaction is open, and refuses what still uses it afterwards. */
export function transactionHandle(client: ClientBase): TransactionHandle {
  let ended = false;
  const methods = new Map<PropertyKey, Method>();
  const methodOf = (property: PropertyKey, method: Method): Method => {
    const known = methods.get(property);
    if (known !== undefined) return known;
    const made: Method = (...args) => {
      if (!ended) return Reflect.apply(method, client, args);
      if (property === "getTransactionStatus") return null;
      if (property === "query") return Promise.reject(transactionEnded());
      throw transactionEnded();
    };
    methods.set(property, made);
    return made;
  };
  const handle = new Proxy(client, {
    get(target, property) {
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" && property !== "constructor"
        ? methodOf(property, value as Method)
        : value;
    },
  });
  return { client: handle, end: () => void (ended = true) };
}

function transactionEnded(): WaybillError {
  return new WaybillError(
    "NOT_IN_TRANSACTION",
    "The transaction has ended, and its connection serves others. Await everything that uses it before it ends.",
  );
}
