import { expect, test } from "vitest";
import { nativeBroker } from "@waybill/broker";

test("options of a server and of a folder are not mixed, and wrong ones are named", () => {
  const mixed = { url: "amqp://127.0.0.1", dataDir: "./data" };
  expect(() => nativeBroker(mixed)).toThrow(/nativeBroker: [^]*dataDir/);
  expect(() => nativeBroker({ url: "http://127.0.0.1" })).toThrow(/amqp:\/\/… or amqps:\/\/…/);
  expect(() => nativeBroker({ url: "amqp://127.0.0.1", queues: 0 })).toThrow(/queues/);
});

test("a broker that is not open says so, and connects to nothing", async () => {
  await using broker = nativeBroker({ url: "amqp://127.0.0.1:1" });
  const notOpen = /not open\. Call open\(\) first/;
  await expect(broker.declare([{ name: "t" }])).rejects.toThrow(notOpen);
  await expect(broker.declareGroup("g", ["t"])).rejects.toThrow(notOpen);
  await expect(broker.fence({ source: "s", incarnation: "i", epoch: 1 })).rejects.toThrow(notOpen);
  const subscribed = broker.subscribe({ group: "g", topics: ["t"], prefetch: 1 }, async () => ({
    kind: "ack",
  }));
  await expect(subscribed).rejects.toThrow(notOpen);
  expect(await broker.health()).toMatchObject({ status: "down", detail: expect.stringMatching(notOpen) });
});

test("a server that does not answer is BROKER_UNAVAILABLE", async () => {
  await using broker = nativeBroker({ url: "amqp://127.0.0.1:1" });
  await expect(broker.open()).rejects.toMatchObject({ code: "BROKER_UNAVAILABLE", retryable: true });
  expect(await broker.health()).toMatchObject({ status: "down" });
});
