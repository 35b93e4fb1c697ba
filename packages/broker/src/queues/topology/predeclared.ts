import { Exchange } from "../routing/exchange.ts";

const PREDECLARED: readonly (readonly [name: string, type: string])[] = [
  ["", "direct"],
  ["amq.direct", "direct"],
  ["amq.fanout", "fanout"],
  ["amq.topic", "topic"],
  ["amq.headers", "headers"],
  ["amq.match", "headers"],
];

export const PREDECLARED_COUNT = PREDECLARED.length;

/** The exchanges that are in every virtual host. */
export function predeclaredExchanges(): Exchange[] {
  return PREDECLARED.map(
    ([name, type]) =>
      new Exchange({ name, type, durable: true, autoDelete: false, internal: false, arguments: {} }),
  );
}
