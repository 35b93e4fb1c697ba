import { requirePart, waitFor, whyNoRabbitmq } from "@waybill/services";
import { testRabbitmq } from "@waybill/services/vitest";
import { connect } from "amqplib";
import { describe, expect, onTestFinished, test } from "vitest";
import { consume } from "../src/bare-amqplib.ts";
import { guideBed, guideDatabase } from "./support/guide-bed.ts";

describe.runIf(requirePart("rabbitmq", whyNoRabbitmq()))("a bare amqplib consumer", () => {
  const server = testRabbitmq();
  const database = guideDatabase([
    "create table stock (sku text primary key, available integer not null check (available >= 0))",
    "insert into stock values ('tea', 10), ('coffee', 0)",
  ]);

  test("applies each message once, however many copies come, and one that fails when it can", async () => {
    const { knex, waybill, rows } = await guideBed(database);
    const connection = await connect(server.url);
    onTestFinished(() => connection.close());
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue("orders", { durable: true });
    const publish = (messageId: string, sku: string): boolean =>
      channel.sendToQueue("orders", Buffer.from(JSON.stringify({ sku })), { messageId, persistent: true });
    for (const messageId of ["m-1", "m-2", "m-1", "m-3", "m-1", "m-2"]) publish(messageId, "tea");
    publish("m-4", "coffee"); // fails below 0, and comes again
    await channel.waitForConfirms();

    const consuming = await connection.createChannel();
    await consume(waybill, consuming);
    await waitFor(async () => (await rows("select from waybill.inbox")).length === 3, {
      describe: "three records",
    });
    await knex("stock").where({ sku: "coffee" }).update({ available: 1 });
    await waitFor(async () => (await rows("select from waybill.inbox")).length === 4, {
      describe: "four records",
    });
    await consuming.close(); // what was not acknowledged goes back
    const stock = await rows("select sku, available from stock order by sku");
    expect(stock).toEqual([
      { sku: "coffee", available: 0 },
      { sku: "tea", available: 7 },
    ]);
    const again = await connection.createChannel();
    await consume(waybill, again);
    const left = async (): Promise<number> => (await channel.checkQueue("orders")).messageCount;
    await waitFor(async () => (await left()) === 0, { describe: "the queue to be empty" });
    await again.close();
    expect(await rows("select sku, available from stock order by sku")).toEqual(stock);
  });
});
