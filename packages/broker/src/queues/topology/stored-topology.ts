import type { TopologyChange } from "../records/topology-record.ts";
import type { Host } from "./host.ts";

/** What is declared and survives a restart, in an order in which it can be declared again. */
export function* storedTopology(hosts: Iterable<Host>): Generator<TopologyChange> {
  for (const { name: virtualHost, exchanges, queues } of hosts) {
    yield { op: "add-host", virtualHost };
    for (const { name, isStored, spec } of exchanges.values()) {
      const isOwn = isStored && name !== "" && !name.startsWith("amq.");
      if (isOwn) yield { op: "add-exchange", virtualHost, exchange: spec };
    }
    for (const { id, isStored, spec } of queues.values()) {
      if (isStored) yield { op: "add-queue", virtualHost, id, queue: spec };
    }
    for (const { isStored, bindings } of exchanges.values()) {
      if (!isStored) continue;
      for (const { source, destination, routingKey, arguments: args } of bindings) {
        if (!destination.isStored) continue;
        const toQueue = destination.kind === "queue";
        yield {
          op: "bind",
          virtualHost,
          source,
          toQueue,
          destination: destination.name,
          routingKey,
          arguments: args,
        };
      }
    }
  }
}
