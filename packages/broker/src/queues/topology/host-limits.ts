import type { QueueSpec } from "../contract.ts";
import { RefusalError } from "../refusal.ts";

/** What one virtual host may hold. What is there already is kept, also where it is more. */
export interface HostLimits {
  readonly queuesPerVirtualHostMax: number;
  /** Beside those that are always there. */
  readonly exchangesPerVirtualHostMax: number;
  readonly bindingsPerVirtualHostMax: number;
  readonly exclusiveQueuesPerConnectionMax: number;
  /** Infinity: no limit. */
  readonly bytesPerVirtualHostMax: number;
}

interface LimitedHost {
  readonly name: string;
  readonly queues: { readonly size: number };
  readonly services: { readonly limits: HostLimits };
}

/**
 * Whether there may be another queue. Clients look at the text: it is that of RabbitMQ.
 *
 * @param owned exclusive queues that the connection has already
 * @throws Refusal 406
 */
export function checkQueueLimits({ name, exclusive }: QueueSpec, host: LimitedHost, owned: number): void {
  const { queuesPerVirtualHostMax, exclusiveQueuesPerConnectionMax } = host.services.limits;
  const what = `declare queue '${name}'`;
  check(what, `queue limit in vhost '${host.name}'`, host.queues.size, queuesPerVirtualHostMax);
  if (!exclusive) return;
  check(what, "limit of exclusive queues of a connection", owned, exclusiveQueuesPerConnectionMax);
}

/** @throws Refusal 406 */
export function checkExchangeLimit(name: string, host: LimitedHost, count: number): void {
  const { exchangesPerVirtualHostMax } = host.services.limits;
  check(
    `declare exchange '${name}'`,
    `exchange limit in vhost '${host.name}'`,
    count,
    exchangesPerVirtualHostMax,
  );
}

/** @throws Refusal 406 */
export function checkBindingLimit(destination: string, host: LimitedHost, count: number): void {
  const { bindingsPerVirtualHostMax } = host.services.limits;
  check(`bind '${destination}'`, `binding limit in vhost '${host.name}'`, count, bindingsPerVirtualHostMax);
}

function check(what: string, limit: string, count: number, max: number): void {
  if (count >= max) throw new RefusalError(406, `cannot ${what}: ${limit} (${max}) is reached`);
}
