import { once } from "node:events";
import { connect } from "node:net";
import { waitFor } from "@waybill/services";
import { expect, test } from "vitest";
import { startServer } from "@waybill/server";
import { startBed } from "../support/server-bed.ts";

test("clients that have not logged in are limited by address, and take no place from those that have", async () => {
  const { dial, open, server } = await startBed({ limits: { handshakesPerAddressMax: 3 } });
  const user = await open();
  const flood = await Promise.all(Array.from({ length: 10 }, () => dial()));
  await waitFor(() => flood.filter(({ isClosed }) => isClosed).length === 7);
  expect(server.report()).toMatchObject({ connections: 1, handshakes: 3, connectionsRefused: 7 });
  user.send(1, { name: "confirm.select", nowait: false });
  await user.expect("confirm.select-ok");
  for (const client of flood) client.socket.destroy();
  await waitFor(() => server.report().handshakes === 0);
  await open();
});

test("so are all of them together", async () => {
  const { dial, server } = await startBed({ limits: { handshakesMax: 2 } });
  const flood = await Promise.all(Array.from({ length: 5 }, () => dial()));
  await waitFor(() => flood.filter(({ isClosed }) => isClosed).length === 3);
  expect(server.report().handshakes).toBe(2);
});

test("connections are limited for each user and in all, with 530", async () => {
  const { open, dial, server } = await startBed({
    limits: { connectionsPerUserMax: 2, connectionsMax: 3 },
  });
  const first = await open();
  await open();
  const third = await dial();
  await expect(third.handshake()).rejects.toThrow(/user connection limit \(2\) is reached/);
  expect(third.received.at(-1)?.method).toMatchObject({ replyCode: 530 });
  await open({ user: "ann" });
  const fifth = await dial();
  await expect(fifth.handshake({ user: "ann" })).rejects.toThrow(/node connection limit \(3\) is reached/);
  first.socket.end();
  await waitFor(() => server.report().connections === 2);
  await open();
});

test("the server beats, and drops a client that is silent for two intervals", async () => {
  const { open, events } = await startBed();
  const silent = await open({ heartbeat: 1 });
  const lively = await open({ heartbeat: 1 });
  const since = Date.now();
  const beating = setInterval(() => lively.beat(), 300);
  try {
    await silent.closed();
  } finally {
    clearInterval(beating);
  }
  expect(Date.now() - since).toBeGreaterThanOrEqual(1_900);
  expect(silent.heartbeats).toBeGreaterThanOrEqual(2);
  expect(lively.isClosed).toBe(false);
  expect(events.at(-1)).toMatchObject({ reason: "missed heartbeats from client, timeout: 1s" });
});

test("a client that goes without a word is noticed", async () => {
  const { open, events } = await startBed();
  const client = await open();
  client.socket.end();
  await client.closed();
  await waitFor(() => events.length === 2);
  expect(events[1]).toMatchObject({
    type: "connection.closed",
    level: "warn",
    reason: "client unexpectedly closed TCP connection",
  });
});

test("limits that cannot be are refused by name", async () => {
  const { engine } = await startBed();
  const authenticator = { authenticate: () => Promise.resolve(null) };
  const options = { engine, authenticator, listen: [], limits: { frameBytesMax: 100, channels: 1 } };
  await expect(startServer(options as never)).rejects.toThrow(
    /frameBytesMax[^]*channels|channels[^]*frameBytesMax/,
  );
});

test("an address that is taken is refused", async () => {
  const { engine, port } = await startBed();
  const authenticator = { authenticate: () => Promise.resolve(null) };
  const listen = [
    { host: "127.0.0.1", port: 0 },
    { host: "127.0.0.1", port },
  ];
  await expect(startServer({ engine, authenticator, listen })).rejects.toThrow(/EADDRINUSE/);
});

test("a listener that throws does not hurt", async () => {
  const { engine } = await startBed();
  const server = await startServer({
    engine,
    authenticator: { authenticate: () => Promise.resolve(null) },
    listen: [{ host: "127.0.0.1", port: 0 }],
    onEvent: () => {
      throw new Error("the log is full");
    },
  });
  const socket = connect({ port: server.addresses[0]?.port ?? 0, host: "127.0.0.1" });
  await once(socket, "connect");
  socket.destroy();
  await waitFor(() => server.report().connectionsRefused === 1);
  await server.close();
});

test("a declaration beyond the queues of a virtual host closes its channel with 406, and no other one", async () => {
  const bed = await startBed({ engine: { queuesPerVirtualHostMax: 2 } });
  const model = await bed.connect();
  const [channel, other] = [await model.createChannel(), await model.createChannel()];
  channel.on("error", () => {});
  await channel.assertQueue("a");
  await channel.assertQueue("b");
  await expect(channel.assertQueue("c")).rejects.toThrow(
    "cannot declare queue 'c': queue limit in vhost '/' (2) is reached",
  );
  expect(await other.assertQueue("a")).toMatchObject({ queue: "a" });
  const elsewhere = await (await bed.connect("/other")).createChannel();
  await elsewhere.assertQueue("c");
});
