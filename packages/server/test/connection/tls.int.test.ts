import { once } from "node:events";
import { connect as connectPlain } from "node:net";
import { connect as connectSecure, type ConnectionOptions } from "node:tls";
import { connect } from "amqplib";
import { PROTOCOL_HEADER } from "@waybill/amqp";
import { CERTIFICATE, PRIVATE_KEY, waitFor } from "@waybill/services";
import { expect, onTestFinished, test } from "vitest";
import { startBed } from "../support/server-bed.ts";

const tls = { cert: CERTIFICATE, key: PRIVATE_KEY };

test("amqplib publishes and consumes over TLS", async () => {
  const { port, server } = await startBed({ listen: { tls } });
  expect(server.addresses).toEqual([{ host: "127.0.0.1", port, tls: true }]);
  const model = await connect(`amqps://guest:guest@localhost:${port}`, { ca: [Buffer.from(CERTIFICATE)] });
  onTestFinished(() => model.close());
  const channel = await model.createConfirmChannel();
  await channel.assertQueue("q");
  const body = Buffer.alloc(1_000_000, "x");
  channel.sendToQueue("q", body);
  await channel.waitForConfirms();
  const got = await channel.get("q", { noAck: true });
  expect(got !== false && got.content.equals(body)).toBe(true);
});

test("a client without TLS gets nothing, and counts as one that has not logged in", async () => {
  const { port, server } = await startBed({ listen: { tls }, limits: { handshakeTimeoutMs: 300 } });
  const silent = connectPlain({ port, host: "127.0.0.1" });
  const plain = connectPlain({ port, host: "127.0.0.1" });
  const received: Buffer[] = [];
  for (const socket of [silent, plain]) {
    onTestFinished(() => void socket.destroy());
    socket.on("error", () => {});
    socket.on("data", (chunk: Buffer) => received.push(chunk));
    await once(socket, "connect");
  }
  await waitFor(() => server.report().handshakes === 2);
  plain.write(PROTOCOL_HEADER);
  await waitFor(() => server.report().handshakes === 0);
  expect(Buffer.concat(received).includes("AMQP")).toBe(false);
  expect(server.report()).toMatchObject({ connections: 0, connectionsRefused: 2 });
});

test("where certificates of clients are wanted, a client without one does not get in", async () => {
  const { port, server } = await startBed({
    listen: { tls: { ...tls, ca: CERTIFICATE, requestCert: true, rejectUnauthorized: true } },
  });
  const known = await connect(`amqps://guest:guest@localhost:${port}`, { ...tls, ca: CERTIFICATE });
  await known.close();
  const options: ConnectionOptions = { port, host: "localhost", ca: CERTIFICATE };
  const stranger = connectSecure(options);
  onTestFinished(() => void stranger.destroy());
  stranger.on("error", () => {});
  const received: Buffer[] = [];
  stranger.on("data", (chunk: Buffer) => received.push(chunk));
  stranger.once("secureConnect", () => stranger.write(PROTOCOL_HEADER));
  await waitFor(() => stranger.closed);
  expect(received).toEqual([]);
  await waitFor(() => server.report().handshakes === 0);
});

test("certificates that do not fit are refused at the start", async () => {
  await expect(startBed({ listen: { tls: { ...tls, key: "nonsense" } } })).rejects.toThrow(/PEM|DECODER/);
});
