import { RefusalError } from "../refusal.ts";

/** What one virtual host may hold. What is there already is kept, also where it is more. */
export interface HostLimits {
  readonly queuesPerVirtualHostMax: number;
  /** Beside those that are always there. */
  readonly exchangesPerVirtualHostMax: number;
  readonly bindingsPerVirtualHostMax: number;
  readonly exclusiveQueuesPerConnectionMax: number;
}

/** @throws Refusal 406 */
export function checkQueueLimit(name: string, virtualHost: string, count: number, max: number): void {
  if (count < max) return;
  // Clients look at this text: it is that of RabbitMQ.
  const text = `cannot declare queue '${name}': queue limit in vhost '${virtualHost}' (${max}) is reached`;
  throw new RefusalError(406, text);
}

/** @throws Refusal 406 */
export function checkExclusiveLimit(name: string, virtualHost: string, count: number, max: number): void {
  if (count < max) return;
  const text = `cannot declare queue '${name}' in vhost '${virtualHost}': limit of exclusive queues of a connection (${max}) is reached`;
  throw new RefusalError(406, text);
}

/** @throws Refusal 406 */
export function checkExchangeLimit(name: string, virtualHost: string, count: number, max: number): void {
  if (count < max) return;
  const text = `cannot declare exchange '${name}': exchange limit in vhost '${virtualHost}' (${max}) is reached`;
  throw new RefusalError(406, text);
}

/** @throws Refusal 406 */
export function checkBindingLimit(name: string, virtualHost: string, count: number, max: number): void {
  if (count < max) return;
  const text = `cannot bind '${name}': binding limit in vhost '${virtualHost}' (${max}) is reached`;
  throw new RefusalError(406, text);
}
