import { rabbitmqBroker } from "@waybill/rabbitmq";
import {
  requirePart,
  startRabbitmqCluster,
  waitFor,
  whyNoHaproxy,
  whyNoRabbitmq,
  type RabbitmqCluster,
  type RabbitmqClusterNode,
} from "@waybill/services";
import { afterAll, beforeAll, describe, onTestFinished, test } from "vitest";
import { GROUP } from "../src/cluster/cluster-flow.ts";
import { deployFile } from "../src/cluster/deploy-file.ts";
import { leaderOf, seesAll } from "../src/cluster/management.ts";
import { pileUp } from "../src/cluster/pile-up.ts";
import { tcpForwarder } from "../src/tcp-forwarder.ts";
import { clusterBed } from "./cluster-bed.ts";

const there = requirePart("rabbitmq", whyNoRabbitmq({ own: true }));
const haproxy = requirePart("haproxy", whyNoHaproxy());

describe.runIf(there && haproxy)("quorum queues on three nodes behind HAProxy", () => {
  const bed = clusterBed("rabbitmq-quorum");
  let cluster: RabbitmqCluster;
  beforeAll(async () => {
    cluster = await startRabbitmqCluster({
      configuration: (members) =>
        deployFile(
          "rabbitmq-quorum/rabbitmq.conf",
          Object.fromEntries(members.map((name, index) => [`rabbit@rabbit-${index + 1}`, name])),
        ),
      proxy: ({ port, backends }) =>
        deployFile("rabbitmq-quorum/haproxy.cfg", {
          "bind :5672": `bind 127.0.0.1:${port}`,
          ...Object.fromEntries(backends.map((at, index) => [`rabbit-${index + 1}:5672`, `127.0.0.1:${at}`])),
        }),
    });
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  async function leader(): Promise<RabbitmqClusterNode> {
    const name = await leaderOf(cluster.nodes[0]?.managementUrl ?? "", `waybill.${GROUP}`);
    const node = cluster.nodes.find(({ nodename }) => nodename === name);
    if (node === undefined) throw new Error(`${name} is none of the nodes`);
    return node;
  }

  async function whole(): Promise<void> {
    const views = (): Promise<boolean[]> =>
      Promise.all(cluster.nodes.map(({ managementUrl }) => seesAll(managementUrl, 3)));
    await waitFor(async () => (await views()).every(Boolean), { deadlineMs: 60_000, describe: "all nodes" });
  }

  test("the leader is killed, then its successor, then the proxy: nothing is lost, repeated or overtaken", async () => {
    const line = await tcpForwarder(cluster.proxyUrl);
    onTestFinished(() => line[Symbol.asyncDispose]());
    const flow = await bed.openFlow(
      rabbitmqBroker({ url: cluster.proxyUrl }),
      rabbitmqBroker({ url: line.url }),
    );
    const endSending = flow.keepSending();
    const first = await leader();
    await bed.timed(flow, "the leader is killed", () => first.kill());
    await first.start();
    await whole();
    const second = await leader();
    await pileUp(line, second.managementUrl, `waybill.${GROUP}`);
    await bed.timed(flow, "its successor is killed with a hundred messages waiting", async () => {
      await second.kill();
      line.forwardTo(cluster.proxyUrl);
    });
    await bed.timed(flow, "HAProxy is killed and started again", async () => {
      await cluster.proxy.kill();
      await cluster.proxy.start();
    });
    await endSending();
    await bed.expectFlawless(flow, 100);
  });
});
