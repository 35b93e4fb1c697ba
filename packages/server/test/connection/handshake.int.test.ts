import { encodeTable, PROTOCOL_HEADER } from "@waybill/amqp";
import { waitFor } from "@waybill/services";
import { connect } from "amqplib";
import { expect, test } from "vitest";
import { TooManyLogins } from "../../src/users/access.ts";
import { startBed } from "../support/server-bed.ts";

const TELLS = { authentication_failure_close: true };

test("a client of another protocol is told which one this is, and is let go", async () => {
  const { dial, events } = await startBed();
  for (const header of ["GET / HTTP/1.1\r\n\r\n", "AMQP\0\0\x09\x02", "AMQP\x03\x01\x00\x00"]) {
    const client = await dial();
    client.write(header);
    await client.closed();
    expect(Buffer.concat(client.bytes)).toEqual(Buffer.from(PROTOCOL_HEADER));
  }
  await waitFor(() => events.length === 3);
});

test("the header may come in pieces", async () => {
  const { dial } = await startBed();
  const client = await dial();
  client.write(PROTOCOL_HEADER.subarray(0, 3));
  await waitFor(() => client.socket.bytesWritten === 3);
  client.write(PROTOCOL_HEADER.subarray(3));
  await waitFor(() => Buffer.concat(client.bytes).includes("publisher_confirms"));
});

test("amqplib connects, and is told what the server can do", async () => {
  const { connect: connected, events } = await startBed();
  const model = await connected();
  expect(model.connection.serverProperties).toMatchObject({
    product: "Waybill",
    capabilities: { publisher_confirms: true, "basic.nack": true, "connection.blocked": true },
  });
  expect(events).toEqual([expect.objectContaining({ type: "connection.opened", user: "guest" })]);
});

test("AMQPLAIN names user and password in a table", async () => {
  const { dial } = await startBed();
  const table = encodeTable({ LOGIN: "ann", PASSWORD: "ann" }).subarray(4);
  const client = await dial();
  await client.handshake({ mechanism: "AMQPLAIN", response: table });
});

test("a wrong password is answered with 403, or with silence to a client that would not understand", async () => {
  const { dial, events } = await startBed();
  const told = await dial();
  await told.login({ password: "wrong", capabilities: TELLS });
  expect(await told.expect("connection.close")).toMatchObject({
    replyCode: 403,
    replyText: expect.stringMatching(/^ACCESS_REFUSED - Login was refused using .* PLAIN/),
  });
  told.send(0, { name: "connection.close-ok" });
  await told.closed();

  const untold = await dial();
  await untold.login({ password: "wrong" });
  await untold.closed();
  expect(untold.received).toHaveLength(1);
  await waitFor(() => events.length === 2);
  expect(events[1]).toMatchObject({ type: "connection.refused", user: "guest" });
});

test("amqplib learns of a wrong password", async () => {
  const { port } = await startBed();
  await expect(connect(`amqp://guest:wrong@127.0.0.1:${port}`)).rejects.toThrow(/403.*ACCESS_REFUSED/);
});

test("a mechanism that was not offered is 503, a response that cannot be read 502", async () => {
  const { dial } = await startBed();
  const cases = [
    { mechanism: "EXTERNAL", response: Buffer.alloc(0), code: 503 },
    { mechanism: "PLAIN", response: Buffer.from("guest"), code: 502 },
    { mechanism: "PLAIN", response: Buffer.from("\0guest\0gu\0est"), code: 502 },
    { mechanism: "PLAIN", response: Buffer.from("root\0guest\0guest"), code: 502 },
    { mechanism: "AMQPLAIN", response: Buffer.from("nonsense"), code: 502 },
    { mechanism: "AMQPLAIN", response: encodeTable({ LOGIN: 1 }).subarray(4), code: 502 },
  ];
  for (const { mechanism, response, code } of cases) {
    const client = await dial();
    await client.login({ mechanism, response });
    expect(await client.expect("connection.close")).toMatchObject({ replyCode: code });
  }
});

test("a virtual host that is not there, or not for this user, is 530", async () => {
  const { dial } = await startBed();
  const cases = [
    { virtualHost: "nowhere", text: "NOT_ALLOWED - vhost nowhere not found" },
    { virtualHost: "other", text: "NOT_ALLOWED - access to vhost 'other' refused for user 'ann'" },
  ];
  for (const { virtualHost, text } of cases) {
    const client = await dial();
    const opened = client.handshake({ user: "ann", virtualHost });
    await expect(opened).rejects.toThrow(/connection\.close/);
    expect(client.received.at(-1)?.method).toMatchObject({
      replyCode: 530,
      replyText: text,
      classId: 10,
      methodId: 40,
    });
  }
});

test("a client may lower the limits, not raise them", async () => {
  const { dial } = await startBed();
  const refused = [
    { frameMax: 131_073, text: /frame_max = 131073 is higher than the maximum allowed value \(131072\)/ },
    { frameMax: 0, text: /frame_max = 0 \(no limit\) is higher/ },
    { frameMax: 4_095, text: /frame_max = 4095 is lower than the minimum allowed value \(4096\)/ },
    { channelMax: 2_048, text: /channel_max = 2048 is higher/ },
    { channelMax: 0, text: /channel_max = 0 \(no limit\) is higher/ },
  ];
  for (const { text, ...choice } of refused) {
    const client = await dial();
    await expect(client.handshake(choice)).rejects.toThrow(text);
    expect(client.received.at(-1)?.method).toMatchObject({ replyCode: 530 });
  }
  await (await dial()).handshake({ frameMax: 4_096, channelMax: 1 });
});

test("a method out of turn is 504, a frame on another channel 505", async () => {
  const { dial } = await startBed();
  const hasty = await dial();
  hasty.start();
  await hasty.expect("connection.start");
  hasty.send(0, { name: "connection.open", virtualHost: "/" });
  expect(await hasty.expect("connection.close")).toMatchObject({ replyCode: 504 });

  const astray = await dial();
  astray.start();
  await astray.expect("connection.start");
  astray.send(1, { name: "channel.open" });
  expect(await astray.expect("connection.close")).toMatchObject({ replyCode: 505 });
});

test("a client that does not come to the end of the handshake is dropped", async () => {
  const { dial, events, server } = await startBed({ limits: { handshakeTimeoutMs: 100 } });
  const silent = await dial();
  const slow = await dial();
  await slow.login();
  await Promise.all([silent.closed(), slow.closed()]);
  await waitFor(() => server.report().handshakes === 0);
  expect(events.map((event) => "reason" in event && event.reason)).toEqual([
    "the handshake took too long",
    "the handshake took too long",
  ]);
});

test("before it has logged in a client sends no large frames", async () => {
  const { dial } = await startBed();
  const client = await dial();
  client.start();
  await client.expect("connection.start");
  client.write(Buffer.from([1, 0, 0, 0, 0, 0x20, 0x01]));
  expect(await client.expect("connection.close")).toMatchObject({ replyCode: 501 });
});

test("too many logins at a time are 506, and a login that fails by itself closes one connection only", async () => {
  let error: Error = new TooManyLogins();
  const { dial, events } = await startBed({
    authenticator: { authenticate: () => Promise.reject(error) },
  });
  const later = await dial();
  await later.login();
  expect(await later.expect("connection.close")).toMatchObject({ replyCode: 506 });

  error = new Error("the file of users is gone");
  const broken = await dial();
  await broken.login();
  expect(await broken.expect("connection.close")).toMatchObject({
    replyCode: 541,
    replyText: "INTERNAL_ERROR - an error inside the server",
  });
  expect(events).toContainEqual({ type: "server.defect", level: "error", error });
});

test("a secret is renewed without being looked at", async () => {
  const { open } = await startBed();
  const client = await open();
  client.send(0, { name: "connection.update-secret", newSecret: Buffer.from("x"), reason: "" });
  await client.expect("connection.update-secret-ok");
});
