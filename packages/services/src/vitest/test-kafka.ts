import { randomBytes } from "node:crypto";
import { whyNoKafka } from "../kafka/kafka-binary.ts";
import { askShared } from "./ask-shared.ts";
import type { KafkaFacts } from "./start-shared.ts";
import { testServer } from "./test-server.ts";

/** Can be read inside hooks and tests of the file, not while it is being loaded. */
export interface TestKafka {
  readonly brokers: string[];
  /** Null for the brokers of `KAFKA_BROKERS`. */
  readonly version: string | null;
  /** What the names of topics, groups and transactional ids of these tests begin with. */
  readonly prefix: string;
}

/**
 * A prefix for names of its own, for the test file or `describe` block that calls it, on the Kafka broker that all test
 * files of a run share. The first call of a run starts the broker (about 3 s; the first on a machine fetches Kafka).
 * Topics are not created by themselves, and end with the broker.
 *
 * Where it cannot be had, the tests are skipped as `needsPart` says.
 *
 * With `KAFKA_BROKERS` (`host:port,host:port`) set it is that cluster, and the topics stay there.
 */
export function testKafka(): TestKafka {
  const facts = testServer("kafka", whyNoKafka(), () => askShared<KafkaFacts>("kafka"));
  return {
    prefix: `test-${randomBytes(8).toString("hex")}-`,
    get brokers() {
      return [...facts().brokers];
    },
    get version() {
      return facts().version;
    },
  };
}
