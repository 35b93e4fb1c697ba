import type { Broker } from "@waybill/core";

/** The same broker for another user of it, who does not close it when it stops. */
export function lentBroker(broker: Broker): Broker {
  return {
    name: broker.name,
    features: broker.features,
    open: () => broker.open(),
    declare: (topics) => broker.declare(topics),
    declareGroup: (group, topics) => broker.declareGroup(group, topics),
    fence: (fence) => broker.fence(fence),
    publish: (batch, options) => broker.publish(batch, options),
    subscribe: (options, onDelivery) => broker.subscribe(options, onDelivery),
    health: () => broker.health(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
