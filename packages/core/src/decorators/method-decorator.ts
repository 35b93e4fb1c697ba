import { WaybillError } from "../errors/waybill-error.ts";

/** A method that answers a promise. */
export type AsyncMethod = (...args: never[]) => Promise<unknown>;

/** Stands for "the method's answer is not kept": a repeated call answers `undefined`, and its type must say so. */
export interface NothingKept {
  readonly kept: false;
}

/** Why a method cannot be decorated, shown by the compiler. */
export interface Refused<Why extends string> {
  readonly refused: Why;
}

/** `unknown` when a method takes the arguments that `Id` reads and answers what `Answer` allows. */
type Fits<M extends AsyncMethod, Id, Answer> = Id extends (...args: Parameters<M>) => unknown
  ? [Answer] extends [NothingKept]
    ? undefined extends Awaited<ReturnType<M>>
      ? unknown
      : Refused<"a duplicate answers undefined: add `| undefined` to the method's type, or use storeResult">
    : Awaited<ReturnType<M>> extends Answer
      ? unknown
      : Refused<"the method answers something else than the codec of storeResult takes">
  : Refused<"`id` takes other arguments than the method">;

/**
 * A decorator for methods in both shapes: standard decorators, and TypeScript's `experimentalDecorators`. A method that
 * does not fit does not compile.
 */
export interface MethodDecorator<Id, Answer> {
  <M extends AsyncMethod>(method: M & Fits<M, Id, Answer>, context: ClassMethodDecoratorContext): M;
  <M extends AsyncMethod>(
    target: object,
    name: string | symbol,
    descriptor: TypedPropertyDescriptor<M & Fits<M, Id, Answer>>,
  ): void;
}

/** A method as a decorator wraps it. */
export type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Makes the decorator that replaces a method by `wrap(method)`. What frameworks attached to the method (`Reflect`
 * metadata, such as NestJS's routes) is carried over, so the order of decorators does not matter.
 *
 * @throws WaybillError `OPTIONS_INVALID` (the decorator) when it is put on anything but a method
 */
export function asMethodDecorator<Id, Answer>(wrap: (method: Method) => Method): MethodDecorator<Id, Answer> {
  const decorate = (first: unknown, second: unknown, third?: unknown): unknown => {
    if (isMethod(first) && isStandardContext(second)) return alike(first, wrap(first));
    const descriptor = third as PropertyDescriptor | undefined;
    if (isMethod(descriptor?.value)) {
      descriptor.value = alike(descriptor.value, wrap(descriptor.value));
      return descriptor;
    }
    throw new WaybillError("OPTIONS_INVALID", "This decorator is for methods, and for nothing else.");
  };
  return decorate as MethodDecorator<Id, Answer>;
}

function isMethod(value: unknown): value is Method {
  return typeof value === "function";
}

function isStandardContext(value: unknown): boolean {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "method";
}

/** What reflect-metadata adds to `Reflect`, where somebody loaded it. */
interface Metadata {
  getOwnMetadataKeys?(target: object): unknown[];
  getOwnMetadata?(key: unknown, target: object): unknown;
  defineMetadata?(key: unknown, value: unknown, target: object): void;
}

/** Makes the wrapper look like the method: name, number of parameters, metadata. */
function alike(method: Method, wrapper: Method): Method {
  for (const property of ["name", "length"] as const) {
    Object.defineProperty(wrapper, property, { value: method[property], configurable: true });
  }
  const metadata = Reflect as Metadata;
  for (const key of metadata.getOwnMetadataKeys?.(method) ?? []) {
    metadata.defineMetadata?.(key, metadata.getOwnMetadata?.(key, method), wrapper);
  }
  return wrapper;
}
