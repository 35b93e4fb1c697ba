import { controlOf, type NodeControl, type ServerNode } from "../process/server-node.ts";
import { startKept } from "../process/start-kept.ts";
import { whyNoKafka } from "./kafka-binary.ts";
import { kafkaJars, kafkaVersion } from "./kafka-jars.ts";
import { kafkaData, kafkaNode } from "./kafka-node.ts";
import { brokerOf, clusterSize, kafkaSpecs, type KafkaNodeSpec } from "./kafka-specs.ts";

export interface KafkaClusterNode extends NodeControl {
  /** `127.0.0.1:PORT`. */
  readonly broker: string;
  readonly id: number;
  readonly pids: readonly number[];
}

export interface StartKafkaClusterOptions {
  /** Makes the text of another `server.properties` for each broker. */
  readonly properties?: (broker: KafkaPlace) => string;
}

/** What a broker must be told to run here. */
export interface KafkaPlace extends Pick<KafkaNodeSpec, "id" | "port" | "voters"> {
  /** For `log.dirs`. */
  readonly data: string;
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
export function startKafkaCluster(options: StartKafkaClusterOptions = {}): Promise<KafkaCluster> {
  return startKept("waybill-kafka-cluster", whyNoKafka({ own: true }), async (kept) => {
    const places = await kafkaSpecs(kept.path, await kafkaJars(), clusterSize);
    const specs = places.map((spec) => {
      const properties = options.properties?.({ ...spec, data: kafkaData(spec) });
      return properties === undefined ? spec : { ...spec, properties };
    });
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
