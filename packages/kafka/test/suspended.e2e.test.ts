import { expect, test } from "vitest";
import { waitFor } from "@waybill/services";
import { testKafka, testProcess } from "@waybill/services/vitest";
import { collect, fates, fresh, message, messages, NO_FENCE, openBroker } from "./kafka-fixture.ts";

const server = testKafka();

test("a relay that was suspended while another took over publishes nothing when it wakes", async () => {
  const { brokers, prefix } = server;
  const [topic, group, source] = [fresh("order"), fresh("group"), fresh("orders")];
  const broker = await openBroker(brokers, prefix);
  await broker.declareGroup(group, [topic]);
  const old = testProcess(new URL("fixtures/publishing-process.ts", import.meta.url), [
    brokers.join(","),
    prefix,
    topic,
    source,
  ]);
  await old.ready();
  await waitFor(() => old.lines.filter(({ event }) => event === "published").length > 5);
  old.kill("SIGSTOP");
  const fence = { source, incarnation: "one", epoch: 2 };
  await broker.fence(fence);
  const mine = messages(topic, 32, 32);
  expect(new Set(fates(await broker.publish(mine, { fence, timeoutMs: 10_000 })))).toEqual(
    new Set(["confirmed"]),
  );
  old.kill("SIGCONT");
  expect(
    await old.line(({ event, kinds }) => event === "published" && !String(kinds).includes("confirmed")),
  ).toEqual({
    event: "published",
    kinds: ["BROKER_FENCED"],
  });
  await old.exited;
  const last = messages(topic, 32, 32);
  expect(new Set(fates(await broker.publish(last, { fence, timeoutMs: 10_000 })))).toEqual(
    new Set(["confirmed"]),
  );
  const got = await collect(broker, group, [topic]);
  const ids = new Set(last.map(({ id }) => id));
  await waitFor(() => got.ids().filter((id) => ids.has(id)).length === ids.size, { deadlineMs: 20_000 });
  // In each partition: the old relay's, then ours, and nothing between or behind them.
  const ours = new Set([...mine, ...last].map(({ id }) => id));
  const seen = new Map<number, string>();
  for (const { envelope } of got.deliveries) {
    const before = seen.get(envelope.partition % 8) ?? "";
    seen.set(envelope.partition % 8, before + (ours.has(envelope.id) ? "n" : "o"));
  }
  for (const order of seen.values()) expect(order).toMatch(/^o*n*$/);
});

test("a consumer that was suspended past its session hands out nothing of what it lost, and nothing is lost", async () => {
  const { brokers, prefix } = server;
  const [topic, group] = [fresh("order"), fresh("group")];
  const broker = await openBroker(brokers, prefix, { sessionTimeoutMs: 1_500 });
  await broker.declareGroup(group, [topic]);
  const batch = messages(topic, 400, 40);
  const suspended = testProcess(new URL("fixtures/consuming-process.ts", import.meta.url), [
    brokers.join(","),
    prefix,
    topic,
    group,
  ]);
  await suspended.ready();
  await broker.publish(batch, NO_FENCE);
  const delivered = (): string[] =>
    suspended.lines.filter(({ event }) => event === "delivered").map(({ id }) => String(id));
  await waitFor(() => delivered().length > 20);
  suspended.kill("SIGSTOP");
  const before = new Set(delivered());
  const other = await collect(broker, group, [topic]);
  const all = new Set(batch.map(({ id }) => id));
  const given = (): Set<string> => new Set([...before, ...other.ids()]);
  await waitFor(() => given().size === all.size, {
    deadlineMs: 30_000,
    describe: () => `${given().size} of ${all.size}`,
  });
  suspended.kill("SIGCONT");
  // Awake and a member again: it is given a message of its own, and nothing of the old ones again.
  await waitFor(
    async () => {
      await broker.publish(messages(topic, 40, 40), NO_FENCE);
      return delivered().some((id) => !all.has(id));
    },
    { deadlineMs: 30_000, intervalMs: 500 },
  );
  // What lay between the pipe and us when it was stopped may still come in; what it had in memory may not.
  const woken = delivered().filter((id) => all.has(id) && !before.has(id));
  expect(woken.length).toBeLessThanOrEqual(4);
  await broker.publish([message(topic)], NO_FENCE);
});
