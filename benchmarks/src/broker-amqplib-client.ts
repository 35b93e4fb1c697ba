import { connect } from "amqplib";
import { PREFETCH, type LoadClient, type LoadConsumer, type LoadPublisher } from "./broker-load.ts";

/** The library that most services use; only its own figures come from it. */
export const amqplibClient: LoadClient = {
  async connectPublisher({ url, queue }, onConfirmed): Promise<LoadPublisher> {
    const connection = await connect(url);
    const channel = await connection.createConfirmChannel();
    const onConfirm = (error: unknown): void => {
      if (error !== null && error !== undefined) throw new Error("not confirmed", { cause: error });
      onConfirmed(1);
    };
    return {
      publish: (body) => void channel.sendToQueue(queue, Buffer.from(body), { persistent: true }, onConfirm),
      flush: () => {},
      close: () => connection.close(),
    };
  },

  async connectConsumer({ url, queue, queueType }, onMessages): Promise<LoadConsumer> {
    const connection = await connect(url);
    const channel = await connection.createChannel();
    const args = queueType === undefined ? {} : { "x-queue-type": queueType };
    await channel.assertQueue(queue, { durable: true, arguments: args });
    await channel.prefetch(PREFETCH);
    let unsettled = 0;
    await channel.consume(queue, (message) => {
      if (message === null) throw new Error("the consumer was cancelled");
      unsettled += 1;
      onMessages([message.content]);
    });
    return {
      acknowledge: () => {
        if (unsettled > 0) channel.ackAll();
        unsettled = 0;
      },
      finish: async () => {
        await channel.close();
        const another = await connection.createChannel();
        const { messageCount } = await another.checkQueue(queue);
        await another.deleteQueue(queue);
        await connection.close();
        return messageCount;
      },
    };
  },
};
