import { connect, type ChannelModel } from "amqplib";
import { waitFor } from "@waybill/services";
import { expect, test } from "vitest";
import { startBed } from "../support/server-bed.ts";

const CONNECTIONS = 1_000;
const AT_ONCE = 100;

test("a thousand connections publish and consume, and all leave", async () => {
  const { url, server } = await startBed();
  const models: ChannelModel[] = [];
  for (let from = 0; from < CONNECTIONS; from += AT_ONCE) {
    const some = Array.from({ length: AT_ONCE }, () => connect(url));
    models.push(...(await Promise.all(some)));
  }
  expect(server.report()).toMatchObject({ connections: CONNECTIONS, handshakes: 0 });

  const got = new Set<string>();
  await Promise.all(
    models.map(async (model, index) => {
      const channel = await model.createConfirmChannel();
      const { queue } = await channel.assertQueue("", { exclusive: true });
      await channel.consume(queue, (message) => {
        if (message === null) return;
        got.add(message.content.toString());
        channel.ack(message);
      });
      channel.sendToQueue(queue, Buffer.from(`of ${index}`));
      await channel.waitForConfirms();
    }),
  );
  await waitFor(() => got.size === CONNECTIONS);
  await Promise.all(models.map((model) => model.close()));
  await waitFor(() => server.report().connections === 0 && server.report().unflushedBytes === 0);
  expect(server.report()).toMatchObject({ channels: 0, messagesConfirmed: CONNECTIONS });
});

test("a flood of clients that never log in keeps nobody out who was in, and is gone in time", async () => {
  const {
    dial,
    connect: connected,
    server,
  } = await startBed({
    limits: { handshakesMax: 200, handshakeTimeoutMs: 1_000 },
  });
  const channel = await (await connected()).createConfirmChannel();
  await channel.assertQueue("q");
  const flood = await Promise.all(Array.from({ length: 1_000 }, () => dial()));
  expect(server.report().handshakes).toBeLessThanOrEqual(200);
  channel.sendToQueue("q", Buffer.from("x"));
  await channel.waitForConfirms();
  await waitFor(() => flood.every(({ isClosed }) => isClosed));
  await connected();
});
