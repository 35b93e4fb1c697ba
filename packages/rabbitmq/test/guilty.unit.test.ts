import { expect, test } from "vitest";
import { Batch, Flight } from "../src/publish/batch.ts";
import { guiltyOf } from "../src/publish/guilty.ts";
import { message } from "./rabbitmq-fixture.ts";

const routes = [
  { exchange: "shop", routingKey: "order.placed" },
  { exchange: "shop", routingKey: "order.shipped" },
  { exchange: "", routingKey: "shipments" },
  { exchange: "shop", routingKey: "order.shipped" },
];
const batch = new Batch(routes.length, { fence: null, isOrdered: false });
const flights = routes.map((_, index) => new Flight(message(), batch, index));

/** The indexes of those that are guilty of what the server says. */
function guilty(text: string, unconfirmed: readonly Flight[] = flights): number[] {
  const routeOf = (flight: Flight) => routes[flights.indexOf(flight)] ?? { exchange: "", routingKey: "" };
  const error = new Error(`Channel closed by server: 403 (ACCESS-REFUSED) with message "${text}"`);
  return guiltyOf(unconfirmed, error, routeOf).map((flight) => flights.indexOf(flight));
}

test.each([
  ["an exchange", "access to exchange 'shop' in vhost '/' refused for user 'orders'", [0, 1, 3]],
  [
    "an exchange and its right",
    "write access to exchange 'shop' in vhost '/' refused for user 'o'",
    [0, 1, 3],
  ],
  ["one that is missing", "NOT_FOUND - no exchange 'shop' in vhost '/'", [0, 1, 3]],
  ["a topic", "access to topic 'order.shipped' in exchange 'shop' in vhost '/' refused for user 'o'", [1, 3]],
  ["the exchange without a name", "access to exchange 'amq.default' in vhost '/' refused", [2]],
  ["an exchange of others", "access to exchange 'bank' in vhost '/' refused for user 'orders'", []],
  ["nothing", "access to topic 'xxxxxxxxxxxx...", []],
])("the server names %s", (_what, text, expected) => {
  expect(guilty(text)).toEqual(expected);
});

test("a message that was alone is meant, whatever the server names", () => {
  expect(guilty("access to topic 'xxxxxxxxxxxx...", flights.slice(1, 2))).toEqual([1]);
});
