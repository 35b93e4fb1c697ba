import type { ChannelModel } from "amqplib";

/** What the server says of itself. */
interface Server {
  /** Its version as a number that compares: 3.10.8 is 3.01. Zero when it is no RabbitMQ. */
  readonly version: number;
}

/** Quorum queues came with RabbitMQ 3.8. */
export function hasQuorumQueues(model: ChannelModel): boolean {
  return serverOf(model).version >= 3.08;
}

/**
 * Since 4.0 quorum queues drop a message that was delivered 20 times, unless the queue says otherwise; and since then
 * -1 says "without limit". Before that there is no limit unless a policy sets one.
 */
export function limitsDeliveries(model: ChannelModel): boolean {
  return serverOf(model).version >= 4;
}

function serverOf(model: ChannelModel): Server {
  const { product, version } = model.connection.serverProperties as { product?: unknown; version?: unknown };
  if (product !== "RabbitMQ" || typeof version !== "string") return { version: 0 };
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return { version: major + minor / 100 };
}
