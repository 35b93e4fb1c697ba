import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { findProgram } from "../process/find-program.ts";
import { whyNoMarkedProcesses } from "../process/marked-processes.ts";
import { areJarsThere } from "./kafka-jars.ts";

const oldestJava = 17;

/** The Java of this machine: that of `JAVA_HOME` if set. */
export function javaProgram(): string {
  const home = process.env["JAVA_HOME"];
  return home ? join(home, "bin", "java") : "java";
}

/**
 * Why tests on Kafka cannot run here, for `requirePart("kafka", …)`; undefined when they can. `KAFKA_BROKERS` counts unless a
 * server of one's own is asked for, to be stopped and killed.
 */
export function whyNoKafka(options: { readonly own?: boolean } = {}): string | undefined {
  if (options.own !== true && process.env["KAFKA_BROKERS"]) return undefined;
  const cure = "on Debian, scripts/install-debian-parts.sh installs it; or set KAFKA_BROKERS";
  const version = javaVersion();
  if (version === undefined) return `${javaProgram()} cannot be run: ${cure}`;
  if (version < oldestJava)
    return `Kafka needs Java ${oldestJava}, and ${javaProgram()} is ${version}: ${cure}`;
  if (!areJarsThere() && findProgram("mvn") === undefined) {
    return `Maven (mvn), which fetches Kafka's jars, cannot be found: ${cure}`;
  }
  return whyNoMarkedProcesses();
}

function javaVersion(): number | undefined {
  const { status, stderr } = spawnSync(javaProgram(), ["-version"], { encoding: "utf8" });
  const version = / version "(\d+)/.exec(stderr ?? "")?.[1];
  return status === 0 && version !== undefined ? Number(version) : undefined;
}
