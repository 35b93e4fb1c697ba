import type { FieldTable } from "@waybill/amqp";

/** What the server tells a client about itself, before it knows who the client is. */
export function serverProperties(version: string): FieldTable {
  return {
    product: "Waybill",
    version,
    platform: "Node.js",
    information: "AMQP 0-9-1 in RabbitMQ's dialect",
    capabilities: {
      publisher_confirms: true,
      exchange_exchange_bindings: true,
      "basic.nack": true,
      consumer_cancel_notify: true,
      "connection.blocked": true,
      authentication_failure_close: true,
      per_consumer_qos: true,
      // Takes fence messages, and then recognises copies.
      "waybill.positions": true,
    },
  };
}

/** Whether a client says that it knows something the protocol does not have by itself. */
export function hasCapability(clientProperties: FieldTable, name: string): boolean {
  const { capabilities } = clientProperties;
  if (typeof capabilities !== "object" || capabilities === null) return false;
  return (capabilities as Readonly<Record<string, unknown>>)[name] === true;
}
