import { execFile } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { ServerNode } from "../process/server-node.ts";
import { javaProgram } from "./kafka-binary.ts";
import type { KafkaNodeSpec } from "./kafka-specs.ts";
import { kafkaProperties } from "./kafka-properties.ts";

const run = promisify(execFile);

/** Starts soon and stays small, at the price of the last third of speed after minutes under load. */
const jvmOptions = ["-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/** The configuration alone is some hundred lines for each listener. */
const logOptions = [
  "-Dorg.slf4j.simpleLogger.showDateTime=true",
  "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",
  "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.utils.AppInfoParser=warn",
];

/** Where a broker keeps its data. */
export function kafkaData({ folder }: Pick<KafkaNodeSpec, "folder">): string {
  return join(folder, "data");
}

/** A Kafka broker that is a controller too. Its data folder is formatted at its first start. */
export function kafkaNode(spec: KafkaNodeSpec): ServerNode {
  mkdirSync(spec.folder, { recursive: true, mode: 0o700 });
  const properties = join(spec.folder, "server.properties");
  const data = kafkaData(spec);
  writeFileSync(properties, spec.properties ?? kafkaProperties(spec, data));
  const java = [...jvmOptions, ...logOptions, "-cp", join(spec.jars, "*")];
  return new ServerNode({
    name: `Kafka broker ${spec.id}`,
    folder: spec.folder,
    command: javaProgram(),
    args: [...java, "kafka.Kafka", properties],
    async prepare() {
      if (existsSync(join(data, "meta.properties"))) return;
      const format = ["kafka.tools.StorageTool", "format", "-t", spec.clusterId, "-c", properties];
      await run(javaProgram(), [...java, ...format], { timeout: 60_000 });
    },
    isReady: ({ output }) => output.includes("Kafka Server started"),
  });
}
