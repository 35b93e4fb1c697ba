import { keptFolder, type KeptFolder } from "../process/kept-folder.ts";
import type { NodeControl, ServerNode } from "../process/server-node.ts";
import { untilPortsAreFree } from "../process/until-ports-are-free.ts";
import { whyNoKafka } from "./kafka-binary.ts";
import { kafkaJars, kafkaVersion } from "./kafka-jars.ts";
import { kafkaNode } from "./kafka-node.ts";
import { kafkaSpecs, type KafkaNodeSpec } from "./kafka-specs.ts";

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
export function startKafka(): Promise<KafkaServer> {
  return untilPortsAreFree(async () => {
    const missing = whyNoKafka({ own: true });
    if (missing !== undefined) throw new Error(missing);
    const jars = await kafkaJars();
    const kept = keptFolder("waybill-kafka");
    try {
      const [spec] = await kafkaSpecs(kept.path, jars, 1);
      if (!spec) throw new Error("no broker was made");
      const node = kafkaNode(spec);
      await node.start();
      return asKafkaServer(spec, node, kept);
    } catch (error) {
      await kept.remove();
      throw error;
    }
  });
}

function asKafkaServer(spec: KafkaNodeSpec, node: ServerNode, kept: KeptFolder): KafkaServer {
  return {
    brokers: [`127.0.0.1:${spec.port}`],
    version: kafkaVersion(),
    folder: spec.folder,
    get pids() {
      return node.pids;
    },
    start: () => node.start(),
    stop: () => node.stop(),
    kill: () => node.kill(),
    pause: () => node.pause(),
    resume: () => node.resume(),
    [Symbol.asyncDispose]: () => kept.remove(),
  };
}
