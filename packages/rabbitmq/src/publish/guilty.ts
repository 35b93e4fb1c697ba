import type { Flight } from "./batch.ts";

interface Route {
  readonly exchange: string;
  readonly routingKey: string;
}

/** What RabbitMQ calls the exchange without a name. */
const DEFAULT_EXCHANGE = "amq.default";

/**
 * For which messages the server closed the channel: those that go where its text says. It may say nothing of that, or
 * too much for the 255 bytes that it has: then it is one that was alone, and of several none.
 */
export function guiltyOf(
  unconfirmed: readonly Flight[],
  error: Error,
  routeOf: (flight: Flight) => Route,
): readonly Flight[] {
  const [, topic, exchange] = /(?: topic '(.*?)' in)? exchange '(.*?)' in vhost /.exec(error.message) ?? [];
  const named = unconfirmed.filter((flight) => {
    const route = routeOf(flight);
    const isOfExchange = (route.exchange === "" ? DEFAULT_EXCHANGE : route.exchange) === exchange;
    return isOfExchange && (topic === undefined || topic === route.routingKey);
  });
  return named.length > 0 || unconfirmed.length > 1 ? named : unconfirmed;
}
