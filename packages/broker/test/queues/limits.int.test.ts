import { expect, test } from "vitest";
import { Client, numbered, openClient, temporaryDirectory } from "./engine-fixture.ts";

test("queues of a virtual host are limited; what is there stays, and can be declared again", async () => {
  const dataDir = await temporaryDirectory();
  const before = await openClient(dataDir);
  for (const name of ["a", "b", "c"]) await before.declare(name);
  await before.engine.close();

  const client = await openClient(dataDir, { queuesPerVirtualHostMax: 2 });
  await expect(client.declare("d")).rejects.toMatchObject({
    reply: 406,
    scope: "channel",
    message: "PRECONDITION_FAILED - cannot declare queue 'd': queue limit in vhost '/' (2) is reached",
  });
  await expect(client.declare("a")).resolves.toMatchObject({ name: "a" });
  await client.send("c", "1");
  expect(await client.drain("c")).toEqual(["1"]);

  for (const name of ["a", "b"])
    await client.host.deleteQueue(name, { ifUnused: false, ifEmpty: false }, client.connection);
  await client.declare("d");
  await expect(client.declare("")).rejects.toThrow("queue 'amq.gen-");

  const other = new Client(client.engine, await client.engine.createVirtualHost("other"));
  await other.declare("d");
});

test("exclusive queues of a connection are limited, and each connection has its own", async () => {
  const client = await openClient(await temporaryDirectory(), { exclusiveQueuesPerConnectionMax: 2 });
  const neighbour = new Client(client.engine, client.host);
  const exclusive = { exclusive: true };
  for (const owner of [client, neighbour])
    for (let i = 0; i < 2; i += 1) await owner.declare("", {}, exclusive);
  await expect(client.declare("mine", {}, exclusive)).rejects.toMatchObject({
    reply: 406,
    message:
      "PRECONDITION_FAILED - cannot declare queue 'mine': limit of exclusive queues of a connection (2) is reached",
  });
  await client.declare("shared");
  client.engine.connectionClosed(client.connection);
  await client.declare("mine", {}, exclusive);
});

test("exchanges of a virtual host are limited, without those that are always there", async () => {
  const client = await openClient(await temporaryDirectory(), { exchangesPerVirtualHostMax: 2 });
  await client.exchange("a", "direct");
  await client.exchange("b", "direct");
  await expect(client.exchange("c", "direct")).rejects.toMatchObject({
    reply: 406,
    message: "PRECONDITION_FAILED - cannot declare exchange 'c': exchange limit in vhost '/' (2) is reached",
  });
  await client.exchange("a", "direct");
  await client.host.deleteExchange("a", { ifUnused: false });
  await client.exchange("c", "direct");
});

test("bindings of a virtual host are limited, and a removed one makes room", async () => {
  const dataDir = await temporaryDirectory();
  const client = await openClient(dataDir, { bindingsPerVirtualHostMax: 3 });
  await client.declare("q");
  await client.exchange("x", "topic");
  for (const key of numbered(0, 3)) await client.bind("q", "x", key);
  await client.bind("q", "x", "0");
  await expect(client.bind("q", "x", "3")).rejects.toMatchObject({
    reply: 406,
    message: "PRECONDITION_FAILED - cannot bind 'q': binding limit in vhost '/' (3) is reached",
  });
  await client.host.unbindQueue("q", "x", "0", {}, client.connection);
  await client.host.bindExchange("x", "x", "loop", {});
  await client.host.deleteExchange("x", { ifUnused: false });
  await client.exchange("x", "topic");
  for (const key of numbered(0, 3)) await client.bind("q", "x", key);
  await expect(client.bind("q", "x", "3")).rejects.toThrow("binding limit");
  await client.engine.close();

  const later = await openClient(dataDir, { bindingsPerVirtualHostMax: 3 });
  await expect(later.bind("q", "x", "3")).rejects.toThrow("binding limit");
});
