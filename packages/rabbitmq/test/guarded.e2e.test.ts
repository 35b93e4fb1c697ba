import { randomUUID } from "node:crypto";
import type { Broker, Envelope } from "@waybill/core";
import { SYSTEM_HEADERS } from "@waybill/core";
import type { RabbitmqBrokerEvent, RabbitmqBrokerOptions } from "@waybill/rabbitmq";
import {
  CERTIFICATE,
  CLIENT_CERTIFICATE,
  OTHER_CERTIFICATE,
  PRIVATE_KEY,
  startRabbitmq,
  waitFor,
  whyNoRabbitmq,
} from "@waybill/services";
import { testServer } from "@waybill/services/vitest";
import { expect, test } from "vitest";
import { callText } from "../src/outboxed/call.ts";
import { publishUntilConfirmed } from "./flow.ts";
import { exactly, ofBareConsumer, ofBarePublisher, ofConsumer, ofPublisher, withoutOne } from "./rights.ts";
import { rabbitmqctl } from "./rabbitmqctl.ts";
import {
  brokerAt,
  collect,
  fates,
  message,
  messages,
  NO_FENCE,
  TOPIC,
  withServer,
} from "./rabbitmq-fixture.ts";

const PASSWORDS = { orders: "of-orders", billing: "of-billing" };
const REFUSED = "BROKER_REFUSED, may pass";

type User = keyof typeof PASSWORDS;

const server = testServer("rabbitmq", whyNoRabbitmq({ own: true }), () =>
  startRabbitmq({ tls: {}, users: PASSWORDS }),
);

/** A virtual host of its own, in which the administrator has declared the group for these topics. */
async function shop(topics: readonly string[] = [TOPIC]): Promise<{ vhost: string; group: string }> {
  const vhost = await server().createVhost();
  const group = `group-${randomUUID()}`;
  const { broker } = brokerAt(vhost);
  await broker.open();
  await broker.declareGroup(group, topics);
  return { vhost, group };
}

type Guarded = Partial<RabbitmqBrokerOptions> & { readonly password?: string };

function guarded(
  user: User,
  vhost: string,
  { password = PASSWORDS[user], ...options }: Guarded = {},
): { broker: Broker; events: RabbitmqBrokerEvent[] } {
  const url = new URL(server().tlsUrl ?? "");
  Object.assign(url, { username: user, password, pathname: new URL(vhost).pathname });
  return brokerAt(url.href, { tls: { ca: CERTIFICATE }, ...options });
}

async function opened(
  user: User,
  vhost: string,
  options: Guarded = {},
): Promise<{ broker: Broker; events: RabbitmqBrokerEvent[] }> {
  const made = guarded(user, vhost, options);
  await made.broker.open();
  return made;
}

const onlyPlaced = { exchange: "waybill", write: String.raw`^order\.placed$`, read: "" };

test("over TLS messages are published and consumed, also large ones, and again after the server was away", async () => {
  const { vhost, group } = await shop();
  await server().grant("orders", vhost, exactly(ofPublisher.names));
  await server().grant("billing", vhost, exactly(ofConsumer(group).names));
  const seen = await collect((await opened("billing", vhost)).broker, group);
  const { broker, events } = await opened("orders", vhost);
  const payload = Buffer.alloc(1024 * 1024, "waybill ");
  expect(fates(await broker.publish([message({ payload })], NO_FENCE))).toEqual(["confirmed"]);
  await waitFor(() => seen.deliveries.length === 1);
  expect(payload.equals(seen.deliveries[0]?.envelope.payload ?? Buffer.alloc(0))).toBe(true);

  await server().stop();
  await waitFor(async () => (await broker.health()).status === "down");
  const batch = messages(200);
  expect(new Set(fates(await broker.publish(batch, NO_FENCE)))).toEqual(new Set(["unknown"]));
  await server().start();
  await publishUntilConfirmed(broker, batch);
  await waitFor(() => new Set(seen.ids()).size === 1 + batch.length);
  expect(events.map(({ type }) => type)).toContain("rabbitmq.disconnected");
});

test("a server that wants a certificate of its clients serves those that show one, and the others are told", async () => {
  await using strict = await startRabbitmq({ tls: { clientCertificate: "required" } });
  const url = strict.tlsUrl ?? "";
  const nameless = brokerAt(url, { tls: { ca: CERTIFICATE } }).broker.open();
  await expect(nameless).rejects.toMatchObject({ code: "BROKER_UNAVAILABLE" });
  await expect(nameless).rejects.toThrow(/certificate required/);
  const { broker } = brokerAt(url, { tls: { ca: CERTIFICATE, cert: CLIENT_CERTIFICATE, key: PRIVATE_KEY } });
  await broker.open();
  const seen = await collect(broker, "billing");
  expect(fates(await broker.publish([message()], NO_FENCE))).toEqual(["confirmed"]);
  await waitFor(() => seen.deliveries.length === 1);
});

test.each([
  ["a server of another authority", { tls: { ca: OTHER_CERTIFICATE } }, /self-signed certificate/],
  ["a wrong password", { password: "wrong" }, /ACCESS_REFUSED - Login was refused/],
  ["no rights in the virtual host", {}, /virtual host "test-.*user "orders".*no rights/],
] satisfies [string, Guarded, RegExp][])(
  "with %s nothing is opened, and it is said why",
  async (...given) => {
    const [, options, why] = given;
    const { vhost } = await shop();
    const opening = guarded("orders", vhost, options).broker.open();
    await expect(opening).rejects.toMatchObject({ code: "BROKER_UNAVAILABLE" });
    await expect(opening).rejects.toThrow(why);
  },
);

test.each([ofPublisher, ofBarePublisher])(
  "the rights that the guide names suffice to publish with declare: $declare, and without each it is said which",
  async ({ declare, names }) => {
    const { vhost } = await shop();
    await server().grant("orders", vhost, exactly(names));
    const { broker } = await opened("orders", vhost, { declare });
    await broker.declare([]);
    expect(fates(await broker.publish(messages(20), NO_FENCE))).toEqual(Array(20).fill("confirmed"));

    for (const { missing, rights } of withoutOne(names)) {
      await server().grant("orders", vhost, rights);
      const { broker: other } = guarded("orders", vhost, { declare });
      const refusal: unknown =
        rights.write === ""
          ? await other.open().then(() => other.publish([message(), message()], NO_FENCE))
          : await other.open().catch((error: unknown) => [{ error }]);
      const code = rights.write === "" ? "BROKER_REFUSED" : "TOPOLOGY_MISMATCH";
      const text: unknown = expect.stringMatching(`ACCESS_REFUSED - .*access to exchange '${missing}'`);
      expect(refusal).toContainEqual(
        expect.objectContaining({ error: expect.objectContaining({ code, message: text }) as unknown }),
      );
    }
  },
);

test.each([ofConsumer("billing"), ofBareConsumer("billing")])(
  "the rights that the guide names suffice to consume with declare: $declare, and without each it is said which",
  async ({ declare, names }) => {
    const place = async (): Promise<{ vhost: string; admin: Broker }> => {
      const vhost = await server().createVhost();
      const { broker: admin } = brokerAt(vhost);
      await admin.open();
      if (!declare) await admin.declareGroup("billing", [TOPIC]);
      return { vhost, admin };
    };
    const { vhost, admin } = await place();
    await server().grant("billing", vhost, exactly(names));
    const seen = await collect((await opened("billing", vhost, { declare })).broker, "billing");
    await admin.publish([message()], NO_FENCE);
    await waitFor(() => seen.deliveries.length === 1);

    for (const { missing, rights } of withoutOne(names)) {
      const fresh = await place();
      await server().grant("billing", fresh.vhost, rights);
      const consumer = guarded("billing", fresh.vhost, { declare }).broker;
      const joining = consumer.open().then(() => collect(consumer, "billing"));
      await expect(joining).rejects.toMatchObject({ code: "TOPOLOGY_MISMATCH", retryable: false });
      await expect(joining).rejects.toThrow(`'${missing}' in vhost`);
    }
  },
);

test("the patterns of the guide suffice for a group with several queues and for bounded topics", async () => {
  const vhost = await server().createVhost();
  await server().grant("billing", vhost, {
    configure: String.raw`^waybill(\.billing(\..+)?)?$`,
    write: String.raw`^waybill\.billing(\..+)?$`,
    read: String.raw`^waybill(\.billing(\..+)?)?$`,
    topics: { exchange: "waybill", write: "", read: String.raw`^order\.placed$` },
  });
  await server().grant("orders", vhost, { ...exactly(ofPublisher.names), topics: onlyPlaced });
  const consumer = (await opened("billing", vhost, { queues: 3 })).broker;
  const seen = await collect(consumer, "billing");
  const { broker } = await opened("orders", vhost);
  const batch = messages(50, (index) => ({ key: `order-${index}`, partition: index % 32 }));
  expect(fates(await broker.publish(batch, NO_FENCE))).toEqual(batch.map(() => "confirmed"));
  await waitFor(() => seen.deliveries.length === batch.length);
  const bindingMore = consumer.declareGroup("billing", ["order.shipped"]);
  await expect(bindingMore).rejects.toThrow(/access to topic 'order.shipped' in exchange 'waybill'/);
  await server().grant("billing", vhost, { read: String.raw`^waybill\.billing(\.[0-9]+)?$` });
  await collect((await opened("billing", vhost, { queues: 3, declare: false })).broker, "billing");
});

test("a topic that may not be published is refused and may pass; the others are confirmed, over the same connection", async () => {
  const long = "x".repeat(200); // The server's text has no room for it.
  const { vhost } = await shop([TOPIC, "order.shipped", long]);
  await server().grant("orders", vhost, { ...exactly(ofPublisher.names), topics: onlyPlaced });
  const { broker, events } = await opened("orders", vhost);
  const forbidden = [message({ topic: "order.shipped" }), message({ topic: long })];
  const batch = [...messages(3), ...forbidden, ...messages(3), ...forbidden, message()];
  const results = await broker.publish(batch, NO_FENCE);
  expect(fates(results)).toEqual(batch.map((one) => (one.topic === TOPIC ? "confirmed" : REFUSED)));
  expect(results[3]).toMatchObject({
    error: { message: expect.stringContaining("'order.shipped' in exchange 'waybill'") as string },
  });
  expect(events.map(({ type }) => type)).not.toContain("rabbitmq.disconnected");
  expect((await broker.health()).status).toBe("up");
  await server().grant("orders", vhost, {
    ...exactly(ofPublisher.names),
    topics: { ...onlyPlaced, write: ".*" },
  });
  expect(fates(await broker.publish(forbidden, NO_FENCE))).toEqual(["confirmed", "confirmed"]);
});

test("all rights are taken away and come back: publishes are refused meanwhile, over the same connection", async () => {
  const { vhost } = await shop();
  await server().grant("orders", vhost, exactly(ofPublisher.names));
  const { broker, events } = await opened("orders", vhost);
  await server().grant("orders", vhost, {});
  for (const _ of [1, 2])
    expect(fates(await broker.publish(messages(50), NO_FENCE))).toEqual(Array(50).fill(REFUSED));
  await server().grant("orders", vhost, exactly(ofBarePublisher.names));
  expect(fates(await broker.publish(messages(50), NO_FENCE))).toEqual(Array(50).fill("confirmed"));
  expect(events.map(({ type }) => type)).not.toContain("rabbitmq.disconnected");
});

test("calls to exchanges and topics that may not be written to are refused; the others are confirmed, in order", async () => {
  const { vhost } = await shop();
  await withServer(vhost, async (channel) => {
    await channel.assertQueue("audit");
    await channel.assertQueue("shipments");
    for (const exchange of ["free", "shut"]) {
      await channel.assertExchange(exchange, "topic");
      await channel.bindQueue("audit", exchange, "#");
    }
  });
  const names = { configure: ["waybill"], write: ["waybill", "free"], read: [] };
  const topics = { exchange: "free", write: "^public$", read: "" };
  await server().grant("orders", vhost, { ...exactly(names), topics });
  const { broker, events } = await opened("orders", vhost);
  const free = Array.from({ length: 40 }, () => callTo("free", "public"));
  const [shut, secret, queue] = [callTo("shut", "any"), callTo("free", "secret"), callTo("", "shipments")];
  const batch = [...free.slice(0, 15), shut, secret, ...free.slice(15, 30), queue, secret, shut, message()];
  batch.push(...free.slice(30));
  const results = await broker.publish(batch, NO_FENCE);
  const guilty = new Set([shut, secret, queue]);
  expect(fates(results)).toEqual(batch.map((one) => (guilty.has(one) ? REFUSED : "confirmed")));
  expect(texts(results.slice(15, 17))).toEqual([
    expect.stringContaining("exchange 'shut'"),
    expect.stringContaining("topic 'secret' in exchange 'free'"),
  ]);
  expect(events.map(({ type }) => type)).not.toContain("rabbitmq.disconnected");

  await server().grant("orders", vhost, {
    ...exactly({ ...names, write: ["waybill", "free", "shut", "amq.default"] }),
    topics: { ...topics, write: ".*" },
  });
  expect(fates(await broker.publish([...guilty], NO_FENCE))).toEqual(Array(3).fill("confirmed"));
});

test("a group that may not read its queue any more is down with the reason, and goes on when it may", async () => {
  const { vhost, group } = await shop();
  const rights = exactly(ofBareConsumer(group).names);
  await server().grant("billing", vhost, rights);
  const { broker, events } = await opened("billing", vhost, { declare: false, reconnectMaxMs: 200 });
  const seen = await collect(broker, group);
  await server().grant("billing", vhost, {});
  await cutConnections(vhost);
  const why = `access to queue 'waybill.${group}'`;
  await waitFor(async () => (await broker.health()).detail.includes(why));
  expect(await broker.health()).toMatchObject({ status: "down" });
  expect(events.some((event) => "error" in event && event.error.message.includes(why))).toBe(true);
  const { broker: admin } = brokerAt(vhost);
  await admin.open();
  await admin.publish([message()], NO_FENCE);
  await server().grant("billing", vhost, rights);
  await waitFor(() => seen.deliveries.length === 1);
  expect((await broker.health()).status).toBe("up");
});

test("a process that may not declare its group any more publishes nothing past it, says why, and goes on when it may", async () => {
  const { vhost, group } = await shop();
  const all = { configure: ".*", write: ".*", read: ".*" };
  await server().grant("orders", vhost, all);
  const { broker } = await opened("orders", vhost, { reconnectMaxMs: 200 });
  const seen = await collect(broker, group);
  await server().grant("orders", vhost, { ...all, configure: "^waybill$" });
  await cutConnections(vhost);
  const why = `access to exchange 'waybill.${group}.partitions'`;
  await waitFor(async () => (await broker.health()).detail.includes(why));
  expect(fates(await broker.publish(messages(2), NO_FENCE))).toEqual(["unknown", "unknown"]);
  await server().grant("orders", vhost, all);
  await publishUntilConfirmed(broker, messages(2));
  await waitFor(() => seen.deliveries.length >= 2);
});

async function cutConnections(vhost: string): Promise<void> {
  const name = new URL(vhost).pathname.slice(1);
  await rabbitmqctl(server(), "close_all_connections", "--vhost", name, "a test");
}

function callTo(exchange: string, routingKey: string): Envelope {
  const call = callText({ exchange, routingKey, options: {}, unroutable: "retry" });
  return message({ topic: exchange, key: null, headers: { [SYSTEM_HEADERS.call]: call } });
}

function texts(results: readonly object[]): string[] {
  return results.map((result) => ("error" in result ? String(result.error) : ""));
}
