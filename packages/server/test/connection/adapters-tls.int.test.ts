import { randomUUID } from "node:crypto";
import { nativeBroker } from "@waybill/broker";
import type { Broker, Envelope } from "@waybill/core";
import { rabbitmqBroker } from "@waybill/rabbitmq";
import { CERTIFICATE, OTHER_CERTIFICATE, PRIVATE_KEY, waitFor } from "@waybill/services";
import { expect, onTestFinished, test } from "vitest";
import { startBed } from "../support/server-bed.ts";

interface Options {
  readonly url: string;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

const adapters: Record<string, (options: Options) => Broker> = {
  rabbitmqBroker: (options) => rabbitmqBroker({ ...options, queueType: "classic" }),
  nativeBroker: (options) => nativeBroker(options),
};

function message(payload: Buffer): Envelope {
  const [source, topic, contentType] = ["orders", "order.placed", "application/octet-stream"];
  const fields = { id: randomUUID(), source, topic, contentType, payload, createdAt: 1_700_000_000_000 };
  return { ...fields, version: 1, key: "k", partition: 3, headers: {}, position: null };
}

function opened(make: (options: Options) => Broker, options: Options): Broker {
  const broker = make(options);
  onTestFinished(() => broker[Symbol.asyncDispose]());
  return broker;
}

/** Publishes to a group, and answers what the group got. */
async function carried(broker: Broker, payloads: readonly Buffer[]): Promise<readonly Buffer[]> {
  await broker.open();
  const got: Buffer[] = [];
  await broker.subscribe({ group: "g", topics: ["order.placed"], prefetch: 16 }, ({ envelope }) => {
    got.push(Buffer.from(envelope.payload));
    return Promise.resolve({ kind: "ack" });
  });
  const results = await broker.publish(payloads.map(message), { fence: null, timeoutMs: 5_000 });
  expect(results.filter(({ kind }) => kind !== "confirmed")).toEqual([]);
  await waitFor(() => got.length === payloads.length);
  return got;
}

for (const [name, make] of Object.entries(adapters)) {
  test(`${name} publishes and consumes over TLS`, async () => {
    const { port, server } = await startBed({ listen: { tls: { cert: CERTIFICATE, key: PRIVATE_KEY } } });
    const url = `amqps://guest:guest@localhost:${port}`;
    const broker = opened(make, { url, tls: { ca: CERTIFICATE } });
    const large = Buffer.alloc(1_000_000, "0123456789abcdef");
    const payloads = [...Array.from({ length: 200 }, (_, index) => Buffer.from(`${index}`)), large];
    const got = await carried(broker, payloads);
    expect(Buffer.concat(got).equals(Buffer.concat(payloads))).toBe(true);
    expect(server.addresses).toMatchObject([{ tls: true }]);
    await waitFor(() => server.report().messagesAcked === payloads.length);
  });

  test.each([
    ["of another authority", { ca: OTHER_CERTIFICATE }],
    ["that nobody it knows signed", undefined],
  ])(`${name} refuses a server with a certificate %s, and says why`, async (_what, tls) => {
    const { port, server } = await startBed({ listen: { tls: { cert: CERTIFICATE, key: PRIVATE_KEY } } });
    const url = `amqps://guest:guest@localhost:${port}`;
    const broker = opened(make, tls === undefined ? { url } : { url, tls });
    const opening = broker.open();
    await expect(opening).rejects.toMatchObject({ code: "BROKER_UNAVAILABLE" });
    await expect(opening).rejects.toThrow(/certificate/);
    expect((await broker.health()).status).toBe("down");
    expect(server.report()).toMatchObject({ connectionsOpened: 0, messagesPublished: 0 });
  });

  test(`${name} shows its certificate to a server that wants one`, async () => {
    const own = { cert: CERTIFICATE, key: PRIVATE_KEY };
    const asking = { ...own, ca: CERTIFICATE, requestCert: true, rejectUnauthorized: true };
    const { port } = await startBed({ listen: { tls: asking } });
    const url = `amqps://guest:guest@localhost:${port}`;
    const stranger = opened(make, { url, tls: { ca: CERTIFICATE } });
    await expect(stranger.open()).rejects.toMatchObject({ code: "BROKER_UNAVAILABLE" });
    const known = opened(make, { url, tls: { ca: CERTIFICATE, ...own } });
    const payloads = [Buffer.from("1"), Buffer.from("2")];
    expect(await carried(known, payloads)).toEqual(payloads);
  });
}
