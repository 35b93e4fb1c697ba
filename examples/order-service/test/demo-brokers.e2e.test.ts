import { requirePart, startKafka, startRabbitmq, whyNoKafka, whyNoRabbitmq } from "@waybill/services";
import { Kafka, logLevel } from "kafkajs";
import { describe, expect, onTestFinished, test } from "vitest";
import { expectNothingLeft, startDemo } from "./start-demo.ts";

const ARGS = ["--orders", "60", "--kills", "1", "--json"] as const;
const GOOD = { lost: 0, orphans: 0, doubleEffects: 0, outOfOrder: 0, kills: 1, settled: true };

const missing = { rabbitmq: whyNoRabbitmq({ own: true }), kafka: whyNoKafka({ own: true }) };

describe.each(["rabbitmq", "kafka"] as const)("on %s", (broker) => {
  test.runIf(requirePart(broker, missing[broker]))(
    "through a kill of a worker and of the server nothing is lost, invented, doubled or overtaken",
    async () => {
      const demo = startDemo([...ARGS, "--broker", broker]);
      expect(await demo.exited, demo.output()).toBe(0);
      const result = demo.json();
      expect(result).toMatchObject({ ...GOOD, broker, brokerKills: 1 });
      expect(Number(result["placed"]) + Number(result["rolledBack"])).toBe(60);
      expect(demo.output()).toMatch(/messages flow again after \d/);
      expectNothingLeft(demo);
    },
  );
});

test.runIf(requirePart("rabbitmq", missing.rabbitmq))(
  "interrupted while the server is down it leaves nothing behind",
  async () => {
    const demo = startDemo([...ARGS, "--broker", "rabbitmq"]);
    await demo.printed("RabbitMQ killed");
    demo.kill("SIGINT");
    expect(await demo.exited, demo.output()).toBe(130);
    expectNothingLeft(demo);
  },
);

describe("on a server that somebody else uses too, it is not killed and nothing is left on it", () => {
  test.runIf(requirePart("rabbitmq", missing.rabbitmq))("RABBITMQ_URL", async () => {
    const server = await startRabbitmq();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const demo = startDemo([...ARGS, "--broker", "rabbitmq"], { brokerEnv: { RABBITMQ_URL: server.url } });
    expect(await demo.exited, demo.output()).toBe(0);
    expect(demo.json()).toMatchObject({ ...GOOD, brokerKills: 0 });
    const namesOf = async (what: string): Promise<string[]> => {
      const { username, password, origin } = new URL(server.managementUrl);
      const authorization = `Basic ${btoa(`${username}:${password}`)}`;
      const response = await fetch(`${origin}/api/${what}`, { headers: { authorization } });
      return ((await response.json()) as { name: string }[]).map(({ name }) => name);
    };
    expect(await namesOf("queues")).toEqual([]);
    expect((await namesOf("exchanges")).filter((name) => name !== "" && !name.startsWith("amq."))).toEqual(
      [],
    );
  });

  test.runIf(requirePart("kafka", missing.kafka))("KAFKA_BROKERS", async () => {
    const server = await startKafka();
    onTestFinished(() => server[Symbol.asyncDispose]());
    const brokers = [...server.brokers];
    const demo = startDemo([...ARGS, "--broker", "kafka"], {
      brokerEnv: { KAFKA_BROKERS: brokers.join(",") },
    });
    expect(await demo.exited, demo.output()).toBe(0);
    expect(demo.json()).toMatchObject({ ...GOOD, brokerKills: 0 });
    const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    onTestFinished(() => admin.disconnect());
    const named = (name: string): boolean => name.startsWith("order-service");
    expect((await admin.listTopics()).filter(named)).toEqual([]);
    expect((await admin.listGroups()).groups.map(({ groupId }) => groupId).filter(named)).toEqual([]);
  });
});

test("a server that cannot be had is said to be missing, with the way to get it", async () => {
  const demo = startDemo(["--broker", "kafka"], { brokerEnv: { JAVA_HOME: "/nowhere" } });
  expect(await demo.exited).toBe(1);
  expect(demo.output()).toContain("--broker kafka needs a Kafka server: /nowhere/bin/java cannot be run");
  expect(demo.output()).toContain("scripts/install-debian-parts.sh");
  expect(demo.output()).not.toContain("    at ");
});
