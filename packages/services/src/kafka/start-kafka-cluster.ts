import { controlOf, type NodeControl, type ServerNode } from "../process/server-node.ts";
import { startKept } from "../process/start-kept.ts";
import { whyNoKafka } from "./kafka-binary.ts";
import { kafkaJars, kafkaVersion } from "./kafka-jars.ts";
import { kafkaNode } from "./kafka-node.ts";
import { brokerOf, clusterSize, kafkaSpecs, type KafkaNodeSpec } from "./kafka-specs.ts";

export interface KafkaClusterNode extends NodeControl {
  /** `127.0.0.1:PORT`. */
  readonly broker: string;
  readonly id: number;
  readonly pids: readonly number[];
}

export interface KafkaCluster extends AsyncDisposable {
  readonly brokers: readonly string[];
  readonly nodes: readonly KafkaClusterNode[];
  readonly version: string;
  /** Starts the brokers that are down and waits until all serve. */
  start(): Promise<void>;
  /** Stops all brokers in good order. The data stays. */
  stop(): Promise<void>;
  /** Ends everything at once and removes the data. Can be called twice. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Three real Kafka brokers in one cluster, each a controller too: three replicas, of which two have to have what is
 * acknowledged. Gone as `startKafka` says.
 */
export function startKafkaCluster(): Promise<KafkaCluster> {
  return startKept("waybill-kafka-cluster", whyNoKafka({ own: true }), async (kept) => {
    const specs = await kafkaSpecs(kept.path, await kafkaJars(), clusterSize);
    const nodes = specs.map((spec) => clusterNode(spec, kafkaNode(spec)));
    const all = async (act: (node: NodeControl) => Promise<void>): Promise<void> => {
      await Promise.all(nodes.map(act));
    };
    await all((node) => node.start());
    return {
      brokers: nodes.map(({ broker }) => broker),
      nodes,
      version: kafkaVersion(),
      start: () => all((node) => node.start()),
      stop: () => all((node) => node.stop()),
      [Symbol.asyncDispose]: () => kept.remove(),
    };
  });
}

function clusterNode(spec: KafkaNodeSpec, node: ServerNode): KafkaClusterNode {
  return {
    broker: brokerOf(spec),
    id: spec.id,
    ...controlOf(node),
    get pids() {
      return node.pids;
    },
  };
}
