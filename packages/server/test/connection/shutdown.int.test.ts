import { waitFor } from "@waybill/services";
import { expect, test } from "vitest";
import { startBed } from "../support/server-bed.ts";
import { valveOn } from "../support/valve.ts";

test("a server that stops confirms what has arrived, and then closes with 320", async () => {
  const valve = valveOn();
  const { open, server, connect } = await startBed({ wrap: valve.wrap });
  const channel = await (await connect()).createChannel();
  await channel.assertQueue("q");
  const client = await open();
  client.send(1, { name: "confirm.select", nowait: false });
  await client.expect("confirm.select-ok");
  valve.close();
  client.publish(1, "nowhere", Buffer.from("back"), { mandatory: true });
  client.publish(1, "q", Buffer.from("kept"));
  await waitFor(() => server.report().messagesPublished === 2);
  let isClosed = false;
  const closed = server.close().then(() => (isClosed = true));
  await client.expect("basic.return");
  await waitFor(() => server.report().connections === 1);
  expect(isClosed).toBe(false);
  valve.open();
  await waitFor(() => client.received.some(({ method }) => method.name === "connection.close"));
  expect(client.received.slice(-2).map(({ method }) => method)).toEqual([
    expect.objectContaining({ name: "basic.ack", deliveryTag: 2 }),
    expect.objectContaining({
      name: "connection.close",
      replyCode: 320,
      replyText: "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
    }),
  ]);
  client.send(0, { name: "connection.close-ok" });
  await closed;
  await client.closed();
});

test("a server that stops takes no new clients, and drops those that have not logged in", async () => {
  const { dial, server } = await startBed();
  const client = await dial();
  await waitFor(() => server.report().handshakes === 1);
  await server.close();
  await client.closed();
  await expect(dial()).rejects.toThrow(/ECONNREFUSED/);
});

test("a client that does not go by the deadline is dropped", async () => {
  const { open, server, events } = await startBed();
  const client = await open();
  client.socket.pause();
  await server.close({ deadlineMs: 200 });
  expect(server.report()).toMatchObject({ connections: 0, channels: 0 });
  expect(events.at(-1)).toMatchObject({ type: "connection.closed" });
});

test("a flush that does not end does not hold up the stop for ever", async () => {
  const valve = valveOn();
  const { open, server } = await startBed({ wrap: valve.wrap });
  const client = await open();
  client.send(1, { name: "confirm.select", nowait: false });
  await client.expect("confirm.select-ok");
  valve.close();
  client.publish(1, "nowhere", Buffer.from("x"));
  await waitFor(() => valve.waiting === 1);
  await server.close({ deadlineMs: 200 });
  await client.closed();
  expect(client.received.at(-1)?.method.name).toBe("confirm.select-ok");
  valve.open();
});
