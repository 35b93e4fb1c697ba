import { randomBytes } from "node:crypto";
import { beforeAll } from "vitest";
import { whyNoKafka } from "../kafka/kafka-binary.ts";
import { askShared, startDeadlineMs } from "./ask-shared.ts";
import { needsPart } from "./needs-part.ts";
import type { KafkaFacts } from "./start-shared.ts";

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
  let facts: KafkaFacts | undefined;
  if (needsPart("kafka", whyNoKafka())) {
    beforeAll(async () => {
      facts = await askShared<KafkaFacts>("kafka");
    }, startDeadlineMs);
  }
  const opened = (): KafkaFacts => {
    if (!facts) throw new Error("testKafka: read it inside a hook or a test, not while the file is loaded");
    return facts;
  };
  return {
    prefix: `test-${randomBytes(8).toString("hex")}-`,
    get brokers() {
      return [...opened().brokers];
    },
    get version() {
      return opened().version;
    },
  };
}
