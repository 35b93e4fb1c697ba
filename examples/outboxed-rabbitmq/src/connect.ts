import { setTimeout as delay } from "node:timers/promises";
import { connect, type ChannelModel } from "amqplib";

/** A connection to RabbitMQ, as soon as there is one. */
export async function connectToRabbitmq(): Promise<ChannelModel> {
  for (;;) {
    try {
      const connection = await connect(process.env["RABBITMQ_URL"] ?? "amqp://127.0.0.1");
      connection.on("error", (error) => console.error(`RabbitMQ: ${error.message}`));
      return connection;
    } catch (error) {
      console.error(`RabbitMQ: ${String(error)}`);
      await delay(200);
    }
  }
}
