import { originalOf } from "./guarded-transaction.ts";
import { never, type AwaitNames, type Passage } from "./life.ts";

type Method = (...args: readonly unknown[]) => unknown;

/** How one part of a port is guarded. */
export interface PortGuard<T> {
  /** Calls that do more than to pass. They get the transaction of the storage itself. */
  readonly instead?: Partial<T>;
  /** Methods that answer at once: they are no awaits. */
  readonly sync?: readonly (keyof T)[];
  /** The names of awaits, by method. */
  readonly names?: Readonly<Record<string, AwaitNames>>;
}

/** A part of a port whose every call passes through `life`, also calls that this kit knows nothing about. */
export function guardedPort<T extends object>(
  port: T,
  name: string,
  life: Passage,
  guard: PortGuard<T> = {},
): T {
  const methods = new Map<PropertyKey, Method>();

  function guarded(key: keyof T & string, method: Method): Method {
    const sync = guard.sync?.includes(key) ?? false;
    return (...args) => {
      const perform = (): unknown => Reflect.apply(method, port, args.map(originalOf));
      if (sync) return life.dead ? undefined : perform();
      if (life.dead) return never();
      return life.pass(`${name}.${key}`, async () => perform(), guard.names?.[key]);
    };
  }

  return new Proxy(port, {
    get(target, key) {
      const value: unknown = guard.instead?.[key as keyof T] ?? Reflect.get(target, key, target);
      if (typeof value !== "function" || typeof key === "symbol") return value;
      const known = methods.get(key);
      if (known !== undefined) return known;
      const made = guarded(key as keyof T & string, value as Method);
      methods.set(key, made);
      return made;
    },
  });
}
