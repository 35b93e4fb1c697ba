import { createServer, type IncomingMessage } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { waitFor } from "@waybill/services";
import { expect, onTestFinished, test } from "vitest";
import { payments, reserve, stock, StockCounted, untilTomorrow } from "../src/retries.ts";
import { OrderPlaced, PaymentRequested } from "../src/topics.ts";
import { guideBed, guideDatabase } from "./support/guide-bed.ts";
import { guideBlocks } from "./support/guide-blocks.ts";
import { runLine } from "./support/run-cli.ts";

const database = guideDatabase([
  "create table payments (order_id text, cents integer)",
  "create table stock_levels (sku text primary key, available integer not null check (available >= 0), counted_at bigint not null)",
  "insert into stock_levels values ('tea', 10, 5)",
]);

interface Charge {
  readonly orderId: string;
  readonly id: string | undefined;
}

/** A gateway that answers each order with its statuses in turn; 0 does not answer. */
async function gateway(answers: Record<string, number[]>): Promise<{ url: string; charges: Charge[] }> {
  const charges: Charge[] = [];
  const read = async (request: IncomingMessage): Promise<string> => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    return (JSON.parse(body) as { orderId: string }).orderId;
  };
  const server = createServer((request, response) => {
    void read(request).then((orderId) => {
      const id = request.headers["idempotency-key"];
      charges.push({ orderId, id: typeof id === "string" ? id : undefined });
      const status = answers[orderId]?.shift() ?? 200;
      if (status !== 0) response.writeHead(status).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, charges };
}

test("a gateway that is broken, busy, refuses or hangs: each payment is booked once, refused ones are dead letters", async () => {
  const { url, charges } = await gateway({ broken: [500, 500], busy: [429], refused: [402], hangs: [0, 0] });
  const { knex, waybill, events, rows } = await guideBed(database, (made) => payments(made, url));
  await knex.transaction(async (tx) => {
    for (const orderId of ["fine", "broken", "busy", "refused", "hangs"]) {
      await waybill.send(tx, PaymentRequested, { orderId, cents: 995 });
    }
  });
  const parkedOf = (orderId: string) =>
    events.find((event) => event.type === "message.parked" && event.message.key === orderId);
  await waitFor(() => parkedOf("hangs"), { deadlineMs: 10_000, describe: "the deadline" });
  const [sql = ""] = await guideBlocks("retries.md", "sql");
  expect(await rows(sql)).toContainEqual(
    expect.objectContaining({ consumer_group: "payments", key: "hangs", reason: "retry", attempts: 2 }),
  );
  await waitFor(async () => (await rows("select from payments")).length === 4, {
    deadlineMs: 20_000,
    describe: "four payments",
  });
  expect(await rows("select order_id from payments order by 1")).toEqual(
    ["broken", "busy", "fine", "hangs"].map((order_id) => ({ order_id })),
  );
  expect(parkedOf("broken")).toMatchObject({ attempts: 2, error: expect.stringContaining("500") });
  expect(parkedOf("busy")).toMatchObject({ attempts: 1, error: expect.stringContaining("busy") });
  expect(parkedOf("hangs")).toMatchObject({
    error: expect.stringContaining("did not finish within 3000 ms"),
  });
  const ids = charges.filter(({ orderId }) => orderId === "broken").map(({ id }) => id);
  expect(ids).toHaveLength(3);
  expect(new Set(ids).size, "one key for all attempts").toBe(1);
  const letters = await waybill.deadLetters.list({ group: "payments" });
  expect(letters.map(({ reason, attempts }) => ({ reason, attempts }))).toEqual([
    { reason: "Unprocessable", attempts: 1 },
  ]);
  for (const block of await guideBlocks("retries.md", "sh")) {
    for (const line of block.trim().split("\n")) await runLine(line, database.url);
  }
});

test("a policy of your own says when, and when no more; late counts change nothing", async () => {
  const pauses = [1, 2, 3, 98, 99].map((failed) => untilTomorrow.delayMs(failed, 0));
  expect(pauses).toEqual([0, 0, 900_000, 900_000, null]);
  const { knex, waybill, rows, events } = await guideBed(database, stock);
  await knex.transaction(async (tx) => {
    await waybill.send(tx, OrderPlaced, { orderId: "o-1", sku: "tea", quantity: 99 });
    await waybill.send(tx, StockCounted, { sku: "tea", available: 7, countedAt: 9 });
    await waybill.send(tx, StockCounted, { sku: "tea", available: 8, countedAt: 8 });
  });
  await waitFor(() => events.filter(({ type }) => type === "message.applied").length === 2);
  expect(await rows("select available, counted_at::int from stock_levels")).toEqual([
    { available: 7, counted_at: 9 },
  ]);
  await waitFor(() => events.some(({ type }) => type === "message.parked"));
  expect(events.find(({ type }) => type === "message.parked")).toMatchObject({ attempts: 3 });
  await knex.transaction((tx) => reserve({ sku: "tea", quantity: 1 }, { tx }));
  expect(await rows("select available from stock_levels")).toEqual([{ available: 6 }]);
});
