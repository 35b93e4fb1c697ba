import {
  isRunning,
  requirePart,
  startHaproxy,
  startKafkaCluster,
  startRabbitmqCluster,
  waitFor,
  whyNoHaproxy,
  whyNoKafka,
  whyNoRabbitmq,
} from "@waybill/services";
import { expect, test } from "vitest";
import { greets, hellos } from "./support/greets.ts";

const rabbitmq = requirePart("rabbitmq", whyNoRabbitmq({ own: true }));
const haproxy = requirePart("haproxy", whyNoHaproxy());
const kafka = requirePart("kafka", whyNoKafka({ own: true }));

const portOf = (url: string): number => Number(new URL(url).port);

test.runIf(rabbitmq && haproxy)("three RabbitMQ nodes behind HAProxy survive the loss of one", async () => {
  await using cluster = await startRabbitmqCluster();
  const { proxyUrl, nodes } = cluster;
  expect(await runningNodes(nodes[0]?.managementUrl)).toEqual(nodes.map(({ nodename }) => nodename));
  const vhost = await cluster.createVhost();
  expect(new Set([vhost.proxyUrl, ...vhost.urls].map((url) => new URL(url).pathname)).size).toBe(1);

  const [, victim] = nodes;
  await victim?.kill();
  expect(victim?.pids).toEqual([]);
  await waitFor(async () => (await runningNodes(nodes[0]?.managementUrl)).length === 2, {
    deadlineMs: 60_000,
  });
  // Each of these is another connection, and the proxy takes the nodes in turn.
  for (let look = 0; look < 4; look += 1) {
    await expect(greets(portOf(proxyUrl), hellos.rabbitmq, 10_000)).resolves.toBe(true);
  }
  await victim?.start();
  expect(await runningNodes(nodes[0]?.managementUrl)).toHaveLength(3);

  const pids = nodes.flatMap((node) => node.pids);
  await cluster[Symbol.asyncDispose]();
  expect(pids.filter(isRunning)).toEqual([]);
});

test.runIf(kafka)("three Kafka brokers serve, and go on without one", async () => {
  await using cluster = await startKafkaCluster();
  const answers = (): Promise<boolean[]> =>
    Promise.all(cluster.brokers.map((broker) => greets(portOf(`kafka://${broker}`), hellos.kafka, 5_000)));
  expect(await answers()).toEqual([true, true, true]);
  await cluster.nodes[0]?.kill();
  expect(await answers()).toEqual([false, true, true]);
  await cluster.nodes[0]?.start();
  expect(await answers()).toEqual([true, true, true]);

  const pids = cluster.nodes.flatMap((node) => node.pids);
  await cluster.stop();
  expect(pids.filter(isRunning)).toEqual([]);
});

test.runIf(haproxy)("HAProxy alone says that its backends are down", async () => {
  await using proxy = await startHaproxy({ backends: [1, 2], check: "amqp" });
  await waitFor(() => proxy.output.includes("proxy proxy has no server available"), { deadlineMs: 20_000 });
  await expect(greets(proxy.port, hellos.rabbitmq, 2_000)).resolves.toBe(false);
});

async function runningNodes(managementUrl = ""): Promise<string[]> {
  const { origin, username, password } = new URL(managementUrl);
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  const response = await fetch(`${origin}/api/nodes`, { headers: { authorization } });
  const nodes = (await response.json()) as { name: string; running: boolean }[];
  return nodes.filter(({ running }) => running).map(({ name }) => name);
}
