import type { Idempotent, IdempotentOptions, StoredResultOptions } from "../inbox/create-idempotent.ts";
import type { TransactionalMethod } from "../transaction/create-transactions.ts";
import {
  asMethodDecorator,
  type MethodDecorator,
  type Method,
  type NothingKept,
} from "./method-decorator.ts";

/** The part of `Waybill` that decorators need. */
export interface DecoratorParts {
  readonly idempotent: Idempotent;
  runInTransaction<T>(this: void, work: () => Promise<T> | T): Promise<T>;
}

/** The decorators of `methodDecorators`. */
export interface MethodDecorators {
  /** See `Waybill.idempotent`. */
  idempotent<Args extends unknown[], R = unknown>(
    this: void,
    options: StoredResultOptions<Args, R>,
  ): MethodDecorator<(...args: Args) => string, R>;
  idempotent<Args extends unknown[]>(
    this: void,
    options: IdempotentOptions<Args>,
  ): MethodDecorator<(...args: Args) => string, NothingKept>;
  /** See `Waybill.transactional`. */
  transactional(this: void): TransactionalMethod;
}

/**
 * Decorators for classes that get their Waybill at run time, as by the injection of a framework: `find` answers the
 * Waybill of an instance, each time a method is called.
 */
export function methodDecorators(find: (instance: never) => DecoratorParts): MethodDecorators {
  const perCall = (
    wrap: (waybill: DecoratorParts, method: Method) => Method,
  ): MethodDecorator<never, never> =>
    asMethodDecorator(
      (method) =>
        async function (this: unknown, ...args: unknown[]) {
          return wrap(find(this as never), method).apply(this, args);
        },
    );
  return {
    idempotent: (options: IdempotentOptions<unknown[]>) =>
      perCall((waybill, method) => waybill.idempotent(method, options)),
    transactional: () =>
      perCall(
        (waybill, method) =>
          function (this: unknown, ...args) {
            return waybill.runInTransaction(() => method.apply(this, args));
          },
      ),
  };
}
