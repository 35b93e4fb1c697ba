import { encodeProperties, type Method } from "@waybill/amqp";
import { FrameConnection } from "./broker-frame-connection.ts";
import { PREFETCH, type LoadClient, type LoadConsumer, type LoadPublisher } from "./broker-load.ts";

const CHANNEL = 1;
const PERSISTENT = encodeProperties({ deliveryMode: 2 });

/** A client that costs as little as possible, so that the server is what is measured. */
export const frameClient: LoadClient = {
  async connectPublisher({ url, queue }, onConfirmed): Promise<LoadPublisher> {
    let confirmed = 0;
    let before = 0;
    const connection = await FrameConnection.open(url, {
      onMethod: (method) => {
        if (method.name !== "basic.ack") throw new Error(`${method.name} instead of a confirm`);
        // Confirms may come out of order; each stands for one message then.
        confirmed += method.multiple ? method.deliveryTag - confirmed : 1;
      },
      onBody: () => {},
      onChunkEnd: () => {
        const more = confirmed - before;
        before = confirmed;
        if (more > 0) onConfirmed(more);
      },
    });
    await connection.call({ name: "confirm.select", nowait: false }, "confirm.select-ok");
    const { writer } = connection;
    const message = { exchange: "", routingKey: queue, mandatory: false, properties: PERSISTENT };
    return {
      publish: (body) => writer.publish(CHANNEL, { ...message, body }),
      flush: () => writer.flush(),
      close: () => connection.close(),
    };
  },

  async connectConsumer({ url, queue, queueType }, onMessages): Promise<LoadConsumer> {
    let bodies: Buffer[] = [];
    let tag = 0;
    /** Of the last delivery whose body arrived. */
    let wholeTag = 0;
    let acknowledgedTag = 0;
    const connection = await FrameConnection.open(url, {
      onMethod: (method) => {
        if (method.name !== "basic.deliver") throw new Error(`${method.name} instead of a delivery`);
        tag = method.deliveryTag;
      },
      onBody: (body) => {
        bodies.push(body);
        wholeTag = tag;
      },
      onChunkEnd: () => {
        if (bodies.length === 0) return;
        const together = bodies;
        bodies = [];
        onMessages(together);
      },
    });
    await connection.call(declaration(queue, queueType), "queue.declare-ok");
    const prefetch = { name: "basic.qos", prefetchSize: 0, prefetchCount: PREFETCH, global: false } as const;
    await connection.call(prefetch, "basic.qos-ok");
    await connection.call(
      {
        name: "basic.consume",
        queue,
        consumerTag: "bench",
        noLocal: false,
        noAck: false,
        exclusive: false,
        nowait: false,
        arguments: {},
      },
      "basic.consume-ok",
    );
    return {
      acknowledge: () => {
        if (wholeTag === acknowledgedTag) return;
        acknowledgedTag = wholeTag;
        connection.writer.ack(CHANNEL, wholeTag, true);
        connection.writer.flush();
      },
      finish: async () => {
        // What was not acknowledged is in the queue again after this.
        const close = {
          name: "channel.close",
          replyCode: 200,
          replyText: "",
          classId: 0,
          methodId: 0,
        } as const;
        await connection.call(close, "channel.close-ok");
        await connection.call({ name: "channel.open" }, "channel.open-ok");
        const passive = { ...declaration(queue, queueType), passive: true };
        const { messageCount } = await connection.call(passive, "queue.declare-ok");
        const removal = {
          name: "queue.delete",
          queue,
          ifUnused: false,
          ifEmpty: false,
          nowait: false,
        } as const;
        await connection.call(removal, "queue.delete-ok");
        await connection.close();
        return messageCount;
      },
    };
  },
};

function declaration(queue: string, queueType: string | undefined): Method<"queue.declare"> {
  return {
    name: "queue.declare",
    queue,
    passive: false,
    durable: true,
    exclusive: false,
    autoDelete: false,
    nowait: false,
    arguments: queueType === undefined ? {} : { "x-queue-type": queueType },
  };
}
