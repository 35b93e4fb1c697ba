import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { requirePart } from "@waybill/services";
import { testFolder } from "@waybill/services/vitest";
import { testBroker } from "../support/broker-target.ts";
import { cachedFolder } from "./support/cached-folder.ts";
import { whyNoTool } from "./support/find-tool.ts";
import { expectRoundTrip } from "./support/round-trip.ts";
import { startProgram } from "./support/start-program.ts";

const run = promisify(execFile);
const here = (file: string): string => fileURLToPath(new URL(`java/${file}`, import.meta.url));
const missing =
  whyNoTool("javac", ["-version"], "openjdk-17-jdk-headless") ?? whyNoTool("mvn", ["-version"], "maven");
/** For programs that live a few seconds. */
const quickStart = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m"];

describe.runIf(requirePart("java", missing))(`Java (${missing ?? "of this machine"})`, () => {
  const bed = testBroker();

  test("amqp-client connects, declares, publishes with confirms, consumes, and recovers after a kill of the broker", async () => {
    const jars = join(await jarFolder(), "*");
    const classes = testFolder();
    await run("javac", ["-cp", jars, "-d", classes, here("RoundTrip.java")], { timeout: 60_000 });
    const args = [...quickStart, "-cp", [classes, jars].join(delimiter), "RoundTrip"];
    await expectRoundTrip(bed.broker, { command: "java", args }, 404);
  });

  test("RabbitMQ PerfTest publishes 20,000 persistent messages with confirms through two queues", async () => {
    const messages = 10_000; // Of each producer, and for each consumer.
    const flags =
      "--flag persistent --auto-delete false --queue-pattern perf-%d --queue-pattern-from 1 --queue-pattern-to 2 " +
      `--producers 2 --consumers 2 --pmessages ${messages} --cmessages ${messages} ` +
      "--confirm 200 --qos 100 --multi-ack-every 20 --size 1024";
    const args = ["--uri", bed.broker.url, ...flags.split(" ")];
    const jars = join(await jarFolder(), "*");
    const main = "com.rabbitmq.perf.PerfTest";
    const program = startProgram({ command: "java", args: [...quickStart, "-cp", jars, main, ...args] });
    const exit = await program.exitCode(60_000);
    expect(exit, program.output.join("\n")).toBe(0);
    expect(program.output.join("\n")).toMatch(/receiving rate avg: [1-9]/);
  });
});

function jarFolder(): Promise<string> {
  return cachedFolder("foreign-java", readFileSync(here("pom.xml"), "utf8"), (folder) => {
    const goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", `-DoutputDirectory=${folder}`];
    return run("mvn", ["--batch-mode", "--quiet", "--file", here("pom.xml"), ...goal], { timeout: 200_000 });
  });
}
