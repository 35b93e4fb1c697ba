import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import type { AddressInfo } from "node:net";
import type { Order } from "./place-order.ts";

/** Takes orders by HTTP: 201 when one is booked, 409 when it cannot be. */
export function serve(place: (order: Order) => Promise<void>): void {
  const server = createServer((request, response) => {
    json(request)
      .then((order) => place(order as Order))
      .then(
        () => response.writeHead(201).end(),
        (error: unknown) => response.writeHead(409).end(String(error)),
      );
  });
  server.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo;
    console.log(JSON.stringify({ event: "ready", port }));
  });
}
