import { expect, test } from "vitest";
import type { RabbitmqClusterNode } from "@waybill/services";
import { startRabbitmqCluster, waitFor, whyNoHaproxy, whyNoRabbitmq } from "@waybill/services";
import { testServer } from "@waybill/services/vitest";
import { firsts, publishAllUntilConfirmed } from "./flow.ts";
import { collect, messages, openBed, TOPIC } from "./rabbitmq-fixture.ts";

const cluster = testServer("rabbitmq", whyNoRabbitmq({ own: true }) ?? whyNoHaproxy(), startRabbitmqCluster);

async function ask<T>(managementUrl: string, path: string): Promise<T> {
  const { origin, username, password } = new URL(managementUrl);
  const headers = { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
  const response = await fetch(`${origin}/api/${path}`, { headers, signal: AbortSignal.timeout(5_000) });
  return (await response.json()) as T;
}

/** Every node serves and sees both others: before that, losing another one would stop the whole cluster. */
async function untilWhole(): Promise<void> {
  const seesAll = async ({ managementUrl }: RabbitmqClusterNode): Promise<boolean> => {
    const nodes = await ask<{ running: boolean; partitions: unknown[] }[]>(managementUrl, "nodes");
    return nodes.length === 3 && nodes.every(({ running, partitions }) => running && partitions.length === 0);
  };
  const isWhole = async (): Promise<boolean> =>
    (await Promise.all(cluster().nodes.map(seesAll))).every(Boolean);
  await waitFor(isWhole, { deadlineMs: 120_000, intervalMs: 200, describe: "the cluster to be whole" });
}

function leaderOf(queue: string): Promise<RabbitmqClusterNode> {
  return waitFor(async () => {
    const [first] = cluster().nodes;
    const { leader } = await ask<{ leader?: string }>(first?.managementUrl ?? "", `queues/%2F/${queue}`);
    return cluster().nodes.find(({ nodename }) => nodename === leader);
  });
}

/** How the adapter finds the nodes. */
const ways = {
  HAProxy: () => ({ url: cluster().proxyUrl, options: {} }),
  "their own addresses": () => ({
    url: "",
    options: { urls: cluster().nodes.map(({ url }) => url) },
  }),
};

for (const [through, way] of Object.entries(ways)) {
  test(`nodes found through ${through}: each is killed in turn while messages flow, none is lost, order holds`, async () => {
    const { url, options } = way();
    const { broker, group } = await openBed(url, options);
    await broker.declareGroup(group, [TOPIC]);
    const seen = await collect(broker, group);
    const batch = messages(3_000);
    const ids = batch.map(({ id }) => id);
    for (const [index, node] of cluster().nodes.entries()) {
      const part = batch.slice(index * 1_000, (index + 1) * 1_000);
      const publishing = publishAllUntilConfirmed(broker, part);
      await waitFor(() => seen.deliveries.length > index * 1_000);
      await node.kill();
      let answers: ReadonlySet<string>;
      try {
        answers = await publishing;
      } finally {
        await node.start();
        await untilWhole();
      }
      await waitFor(() => new Set(seen.ids()).size === (index + 1) * 1_000, { deadlineMs: 60_000 });
      expect([...answers].filter((fate) => fate !== "confirmed" && fate !== "unknown")).toEqual([]);
    }
    expect(firsts(seen.ids())).toEqual(ids);
  });
}

// The last one: a node that was suspended for longer than the others wait may have to be started again by hand.
test("the node that leads the queue is suspended while messages flow: others take over, none is lost, order holds", async () => {
  const { broker, group, queue } = await openBed(cluster().proxyUrl, {
    connectTimeoutMs: 2_000,
    heartbeatMs: 1_000,
  });
  await broker.declareGroup(group, [TOPIC]);
  const leader = await leaderOf(queue);
  const seen = await collect(broker, group);
  const batch = messages(3_000);
  const publishing = publishAllUntilConfirmed(broker, batch, 3_000);
  await waitFor(() => seen.deliveries.length > 0);
  leader.pause();
  try {
    await publishing;
    await waitFor(() => new Set(seen.ids()).size === batch.length, { deadlineMs: 60_000 });
  } finally {
    leader.resume();
  }
  expect(firsts(seen.ids())).toEqual(batch.map(({ id }) => id));
});
