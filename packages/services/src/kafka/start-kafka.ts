import { controlOf, type NodeControl } from "../process/server-node.ts";
import { startKept } from "../process/start-kept.ts";
import { whyNoKafka } from "./kafka-binary.ts";
import { kafkaJars, kafkaVersion } from "./kafka-jars.ts";
import { kafkaNode } from "./kafka-node.ts";
import { brokerOf, kafkaSpecs, type KafkaNodeSpec } from "./kafka-specs.ts";

export type StartKafkaOptions = Pick<KafkaNodeSpec, "users">;

export interface KafkaServer extends NodeControl, AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly brokers: readonly string[];
  readonly version: string;
  /** Its data, configuration and output. */
  readonly folder: string;
  /** The id of its process; none when it is down. */
  readonly pids: readonly number[];
  /** Ends it at once and removes its data. Can be called twice. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A real Apache Kafka broker of its own (KRaft) on a free loopback port. Topics are not created by themselves. The broker
 * and its data are gone after it is disposed, after the end of this process, and also after its SIGKILL; it does not
 * keep it alive. The first use on a machine fetches Kafka's jars.
 */
export function startKafka(options: StartKafkaOptions = {}): Promise<KafkaServer> {
  return startKept("waybill-kafka", whyNoKafka({ own: true }), async (kept) => {
    const [place] = await kafkaSpecs(kept.path, await kafkaJars(), 1);
    if (!place) throw new Error("no broker was made");
    const spec = { ...place, ...options };
    const node = kafkaNode(spec);
    await node.start();
    return {
      brokers: [brokerOf(spec)],
      version: kafkaVersion(),
      folder: spec.folder,
      ...controlOf(node),
      get pids() {
        return node.pids;
      },
      [Symbol.asyncDispose]: () => kept.remove(),
    };
  });
}
