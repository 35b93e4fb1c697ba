import { expect, test } from "vitest";
import { readBrokerConfig } from "../src/config.ts";

test("without BROKER it is the broker inside the worker", () => {
  expect(readBrokerConfig({})).toEqual({ kind: "native", dataDir: "./data/broker" });
});

test("RabbitMQ and Kafka are told where they are, and what their names begin with", () => {
  const url = "amqp://127.0.0.1";
  expect(readBrokerConfig({ BROKER: "rabbitmq", RABBITMQ_URL: url, BROKER_PREFIX: "a." })).toEqual({
    kind: "rabbitmq",
    url,
    prefix: "a.",
  });
  expect(readBrokerConfig({ BROKER: "kafka", KAFKA_BROKERS: "one:9092, two:9092" })).toEqual({
    kind: "kafka",
    brokers: ["one:9092", "two:9092"],
    sessionTimeoutMs: 10_000,
    prefix: "order-service.",
  });
});

test.each([
  [{ BROKER: "redis" }, "BROKER"],
  [{ BROKER: "rabbitmq" }, "RABBITMQ_URL"],
  [{ BROKER: "rabbitmq", RABBITMQ_URL: "" }, "RABBITMQ_URL"],
  [{ BROKER: "kafka", RABBITMQ_URL: "amqp://127.0.0.1" }, "KAFKA_BROKERS"],
])("%j is refused, and names the variable", (env, variable) => {
  expect(() => readBrokerConfig(env)).toThrow(variable);
});
