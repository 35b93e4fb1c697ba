// A service that hears of orders, with kafkajs and nothing else. It writes down what it gets, a line for each message.
import type { IHeaders } from "kafkajs";
import { kafka } from "./connect.ts";

const text = (headers: IHeaders = {}): object =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value].flat().map(String)]));

const consumer = kafka.consumer({ groupId: "mails", sessionTimeout: 6_000, heartbeatInterval: 500 });
consumer.on(consumer.events.GROUP_JOIN, () => console.log(JSON.stringify({ event: "ready" })));
await consumer.connect();
await consumer.subscribe({ topic: "orders", fromBeginning: true });
await consumer.run({
  async eachMessage({ topic, partition, message }) {
    const { key, value, headers, timestamp } = message;
    const record = {
      topic,
      partition,
      key: String(key),
      value: String(value),
      timestamp,
      headers: text(headers),
    };
    console.log(JSON.stringify({ event: "message", ...record }));
  },
});
