import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Verdict } from "@waybill/core";
import { waitFor } from "@waybill/services";
import { testRabbitmq } from "@waybill/services/vitest";
import { firsts, publishUntilConfirmed } from "./flow.ts";
import { brokerAt, collect, fates, messages, NO_FENCE, openBed, stuck, TOPIC } from "./rabbitmq-fixture.ts";
import { tcpForwarder } from "./tcp-forwarder.ts";

const server = testRabbitmq();
/** Class 20, method 40. */
const CHANNEL_CLOSE = Buffer.of(0, 20, 0, 40);
const types = ["classic", "quorum"] as const;

test.each(types)(
  "connections that are reset again and again while messages flow through a %s queue: none is lost, order holds",
  async (queueType) => {
    const proxy = await tcpForwarder(server.url);
    const { broker, group } = await openBed(proxy.url, { queueType });
    await broker.declareGroup(group, [TOPIC]);
    const seen = await collect(broker, group);
    const batch = messages(5_000);
    const answers = new Set<string>();
    for (let from = 0; from < batch.length; from += 500) {
      const delivered = seen.deliveries.length;
      await waitFor(() => proxy.connections === 2);
      const publishing = publishUntilConfirmed(broker, batch.slice(from, from + 500));
      // In turn: before anything was confirmed, while they are delivered, and not.
      if (from % 1_500 === 0) await setImmediate();
      else await waitFor(() => seen.deliveries.length > delivered);
      if (from % 1_500 !== 1_000) proxy.cut();
      for (const fate of await publishing) answers.add(fate);
    }
    await waitFor(() => new Set(seen.ids()).size === batch.length);
    expect(firsts(seen.ids())).toEqual(batch.map(({ id }) => id));
    expect(answers).toContain("unknown");
  },
);

test.each(types)(
  "a process that dies in the middle of a %s queue: another takes over with what was unsettled, in order",
  async (queueType) => {
    const { broker, group, exchange } = await openBed(server.url, { queueType });
    await broker.declareGroup(group, [TOPIC]);
    const proxy = await tcpForwarder(server.url);
    const dying = brokerAt(proxy.url, { exchange, queueType, reconnectMaxMs: 600_000 });
    await dying.broker.open();
    const first = await collect(
      dying.broker,
      group,
      (_delivery, index) => (index < 20 ? Promise.resolve<Verdict>({ kind: "ack" }) : stuck()),
      50,
    );
    const standby = await collect(broker, group);
    const batch = messages(200);
    expect(new Set(fates(await broker.publish(batch, NO_FENCE)))).toEqual(new Set(["confirmed"]));
    await waitFor(() => first.deliveries.length === 70);
    expect(standby.deliveries).toEqual([]);
    proxy.cut();
    const ids = batch.map(({ id }) => id);
    await waitFor(() => standby.ids().includes(ids.at(-1) ?? ""));
    // Acknowledgements on their way are lost with the connection; what was never applied comes in order.
    expect(standby.ids().slice(-180)).toEqual(ids.slice(20));
    expect(standby.deliveries.at(-180)?.redelivered).toBe(true);
  },
);

test("a subscription whose connection is lost while it closes is closed at once, not at a deadline", async () => {
  const proxy = await tcpForwarder(server.url);
  const { broker, group } = await openBed(proxy.url, { requestTimeoutMs: 600_000 });
  await broker.declareGroup(group, [TOPIC]);
  const seen = await collect(broker, group);
  expect(new Set(fates(await broker.publish(messages(3), NO_FENCE)))).toEqual(new Set(["confirmed"]));
  await waitFor(() => seen.deliveries.length === 3);
  const muted = proxy.muteServerAt(CHANNEL_CLOSE);
  const closed = seen.close();
  await muted;
  proxy.cut();
  await closed;
});
