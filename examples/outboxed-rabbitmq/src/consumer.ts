// A service that hears of orders, with amqplib and nothing else. It writes down what it gets, a line for each message.
import { once } from "node:events";
import { connectToRabbitmq } from "./connect.ts";

for (;;) {
  const connection = await connectToRabbitmq();
  const closed = once(connection, "close").catch(() => undefined);
  try {
    const channel = await connection.createChannel();
    await channel.assertExchange("shop", "topic");
    await channel.assertQueue("mails");
    await channel.bindQueue("mails", "shop", "order.*");
    await channel.consume("mails", (message) => {
      if (message === null) return;
      const { content, fields, properties } = message;
      const { exchange, routingKey } = fields;
      console.log(
        JSON.stringify({ event: "message", exchange, routingKey, properties, body: content.toString() }),
      );
      channel.ack(message);
    });
    console.log(JSON.stringify({ event: "ready" }));
  } catch (error) {
    console.error(`RabbitMQ: ${String(error)}`);
  }
  await closed;
}
