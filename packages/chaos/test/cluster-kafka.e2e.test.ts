import { kafkaBroker } from "@waybill/kafka";
import { requirePart, startKafkaCluster, waitFor, whyNoKafka, type KafkaCluster } from "@waybill/services";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, describe, test } from "vitest";
import { TOPIC } from "../src/cluster/cluster-flow.ts";
import { deployFile } from "../src/cluster/deploy-file.ts";
import { clusterBed } from "./cluster-bed.ts";

const there = requirePart("kafka", whyNoKafka({ own: true }));

/** Their default is 50 partitions each, which takes small machines a while. */
const SMALL = "\noffsets.topic.num.partitions=3\ntransaction.state.log.num.partitions=3\n";

describe.runIf(there)("three Kafka brokers, of which two must have what is acknowledged", () => {
  const bed = clusterBed("kafka");
  let cluster: KafkaCluster;
  beforeAll(async () => {
    cluster = await startKafkaCluster({
      properties: ({ id, port, voters, data }) =>
        deployFile("kafka/server.properties", {
          "node.id=1": `node.id=${id}`,
          "advertised.listeners=PLAINTEXT://kafka-1:9092": `advertised.listeners=PLAINTEXT://127.0.0.1:${port}`,
          "PLAINTEXT://:9092": `PLAINTEXT://127.0.0.1:${port}`,
          "CONTROLLER://:9093": `CONTROLLER://127.0.0.1:${voters[id - 1]?.port}`,
          ...Object.fromEntries(voters.map((voter) => [`kafka-${voter.id}:9093`, `127.0.0.1:${voter.port}`])),
          "log.dirs=/var/lib/kafka": `log.dirs=${data}`,
        }) + SMALL,
    });
  });
  afterAll(() => cluster[Symbol.asyncDispose]());

  /** The leader of the topic's first partition, once all its partitions are in sync everywhere. */
  async function leader(): Promise<KafkaCluster["nodes"][number]> {
    const admin = new Kafka({ brokers: [...cluster.brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      let id = 0;
      await waitFor(
        async () => {
          const { topics } = await admin.fetchTopicMetadata({ topics: [TOPIC] });
          const partitions = topics[0]?.partitions ?? [];
          id = partitions.find(({ partitionId }) => partitionId === 0)?.leader ?? 0;
          return partitions.length > 0 && partitions.every(({ isr }) => isr.length === 3);
        },
        { deadlineMs: 60_000, intervalMs: 200, describe: "all replicas to be in sync" },
      );
      const node = cluster.nodes.find((one) => one.id === id);
      if (node === undefined) throw new Error(`broker ${id} is none of the brokers`);
      return node;
    } finally {
      await admin.disconnect();
    }
  }

  test("the leader is killed, then its successor: nothing is lost, repeated or overtaken", async () => {
    const broker = (): ReturnType<typeof kafkaBroker> => kafkaBroker({ brokers: cluster.brokers });
    const flow = await bed.openFlow(broker(), broker());
    const endSending = flow.keepSending();
    const first = await leader();
    await bed.timed(flow, "the leader is killed", () => first.kill());
    await first.start();
    const second = await leader();
    await bed.timed(flow, "its successor is killed", () => second.kill());
    await endSending();
    await bed.expectFlawless(flow, 100);
  });
});
