import kafkajs from "kafkajs";

/** What makes producers and consumers. They go on trying while Kafka is away. */
export const kafka = new kafkajs.Kafka({
  clientId: "shop",
  brokers: (process.env["KAFKA_BROKERS"] ?? "127.0.0.1:9092").split(","),
  retry: { retries: 1_000, initialRetryTime: 100, maxRetryTime: 1_000 },
  logLevel: kafkajs.logLevel.NOTHING,
});
