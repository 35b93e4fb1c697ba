import { join } from "node:path";
import { whyNoKafka } from "../kafka/kafka-binary.ts";
import { kafkaJars } from "../kafka/kafka-jars.ts";
import { kafkaNode } from "../kafka/kafka-node.ts";
import { brokerOf, clusterSize, kafkaSpecs, type KafkaNodeSpec } from "../kafka/kafka-specs.ts";
import type { Service } from "./service.ts";

export interface NativeKafka {
  readonly nodes: readonly KafkaNodeSpec[];
}

/** Fetches Kafka's jars if they are not there yet. */
export async function newNativeKafka(folder: string, cluster: boolean): Promise<NativeKafka> {
  const missing = whyNoKafka({ own: true });
  if (missing !== undefined) throw new Error(missing);
  const jars = await kafkaJars();
  return { nodes: await kafkaSpecs(join(folder, "kafka"), jars, cluster ? clusterSize : 1) };
}

/** Apache Kafka as a daemon, or three of it. */
export function nativeKafka({ nodes: specs }: NativeKafka): Service {
  const nodes = specs.map((spec) => ({ spec, node: kafkaNode(spec) }));
  return {
    name: "kafka",
    how: "natively",
    env: { KAFKA_BROKERS: specs.map(brokerOf).join(",") },
    async up() {
      await kafkaJars(); // The cache may have been emptied since.
      await Promise.all(nodes.map(({ node }) => node.start()));
    },
    async down() {
      await Promise.all(nodes.map(({ node }) => node.stop()));
    },
    status: () =>
      Promise.all(
        nodes.map(async ({ spec, node }) => ({
          part: `broker ${spec.id}`,
          isUp: await node.isUp(),
          place: brokerOf(spec),
        })),
      ),
  };
}
