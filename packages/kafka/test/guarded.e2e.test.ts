import type { Broker } from "@waybill/core";
import type { KafkaBrokerOptions } from "@waybill/kafka";
import {
  CERTIFICATE,
  KAFKA_ADMIN,
  OTHER_CERTIFICATE,
  startKafka,
  waitFor,
  whyNoKafka,
} from "@waybill/services";
import { testServer } from "@waybill/services/vitest";
import kafkajs from "kafkajs";
import { expect, test } from "vitest";
import {
  collect,
  createTopic,
  fates,
  fresh,
  message,
  messages,
  NO_FENCE,
  openBroker,
} from "./kafka-fixture.ts";

const PASSWORDS = { orders: "of-orders", billing: "of-billing" };

const server = testServer("kafka", whyNoKafka({ own: true }), async () => {
  const kafka = await startKafka({ users: PASSWORDS });
  const admin = new kafkajs.Kafka({
    brokers: [...kafka.brokers],
    ssl: { ca: CERTIFICATE },
    sasl: { mechanism: "plain", ...KAFKA_ADMIN },
    logLevel: kafkajs.logLevel.NOTHING,
  }).admin();
  await admin.connect();
  await createTopic(admin, "waybill.fences", { numPartitions: 1 });
  return {
    brokers: kafka.brokers,
    /** May do everything. */
    admin,
    async [Symbol.asyncDispose]() {
      await admin.disconnect();
      await kafka[Symbol.asyncDispose]();
    },
  };
});

const { AclOperationTypes: may, AclResourceTypes: on } = kafkajs;

interface Right {
  readonly on: kafkajs.AclResourceTypes;
  readonly name: string;
  readonly may: readonly kafkajs.AclOperationTypes[];
  /** Of everything whose name begins so. */
  readonly prefixed?: boolean;
}

async function grant(user: string, rights: readonly Right[]): Promise<void> {
  await server().admin.createAcls({
    acl: rights.flatMap(({ on: resourceType, name, may: operations, prefixed }) =>
      operations.map((operation) => ({
        resourceType,
        resourceName: name,
        resourcePatternType: prefixed
          ? kafkajs.ResourcePatternTypes.PREFIXED
          : kafkajs.ResourcePatternTypes.LITERAL,
        principal: `User:${user}`,
        host: "*",
        operation,
        permissionType: kafkajs.AclPermissionTypes.ALLOW,
      })),
    ),
  });
}

const created = (topic: string): Promise<void> => createTopic(server().admin, topic, { numPartitions: 3 });

/** What docs/kafka.md says that a service needs that publishes to the topic, without reading from it. */
function ofPublisher(topic: string, group: string, source = "orders"): Right[] {
  return [
    { on: on.TOPIC, name: topic, may: [may.WRITE, may.DESCRIBE_CONFIGS] },
    { on: on.TOPIC, name: "waybill.fences", may: [may.READ] },
    { on: on.GROUP, name: `waybill.fence/${source}/`, may: [may.READ], prefixed: true },
    { on: on.GROUP, name: group, may: [may.DESCRIBE] },
    { on: on.TRANSACTIONAL_ID, name: `waybill/source/${source}`, may: [may.WRITE] },
  ];
}

/** The same for a service that reads from it. */
function ofConsumer(topic: string, group: string): Right[] {
  return [
    { on: on.TOPIC, name: topic, may: [may.READ, may.DESCRIBE_CONFIGS] },
    { on: on.GROUP, name: group, may: [may.READ] },
    { on: on.TRANSACTIONAL_ID, name: `waybill/group/${group}`, may: [may.WRITE] },
  ];
}

function brokerOf(user: keyof typeof PASSWORDS, options: Partial<KafkaBrokerOptions> = {}): Promise<Broker> {
  return openBroker(server().brokers, "", {
    ssl: { ca: CERTIFICATE },
    sasl: { mechanism: "plain", username: user, password: PASSWORDS[user] },
    transactionalIdPrefix: "waybill/",
    declare: false,
    ...options,
  });
}

const fence = (epoch: number) => ({ source: "orders", incarnation: "i", epoch });

test("the rights that the guide names suffice: a relay publishes, a group consumes", async () => {
  const [topic, group] = [fresh("order"), fresh("billing")];
  await created(topic);
  await grant("orders", ofPublisher(topic, group));
  await grant("billing", ofConsumer(topic, group));
  const consumer = await brokerOf("billing");
  const got = await collect(consumer, group, [topic]);
  const publisher = await brokerOf("orders");
  await publisher.fence(fence(1));
  const batch = messages(topic, 20, 5);
  const results = await publisher.publish(batch, { fence: fence(1), timeoutMs: 10_000 });
  expect(new Set(fates(results))).toEqual(new Set(["confirmed"]));
  await waitFor(() => got.deliveries.length === batch.length, { describe: () => `${got.deliveries.length}` });
  expect((await publisher.health()).status).toBe("up");
});

test("with the right to create, missing topics are created", async () => {
  const [topic, group] = [fresh("order"), fresh("billing")];
  await grant("billing", [...ofConsumer(topic, group), { on: on.TOPIC, name: topic, may: [may.CREATE] }]);
  const consumer = await brokerOf("billing", { declare: true, topicPartitions: 2 });
  await consumer.declareGroup(group, [topic]);
  const { topics } = await server().admin.fetchTopicMetadata({ topics: [topic] });
  expect(topics[0]?.partitions).toHaveLength(2);
});

test("a message of a topic that may not be written to is refused and tried again; the others are stored", async () => {
  const [topic, forbidden, hidden, group] = [
    fresh("order"),
    fresh("order"),
    fresh("order"),
    fresh("billing"),
  ];
  for (const name of [topic, forbidden, hidden]) await created(name);
  await grant("orders", [
    ...ofPublisher(topic, group),
    { on: on.TOPIC, name: forbidden, may: [may.DESCRIBE] },
  ]);
  const publisher = await brokerOf("orders", { requireGroup: false });
  const batch = [message(topic), message(forbidden), message(topic), message(hidden)];
  for (const options of [NO_FENCE, { fence: fence(1), timeoutMs: 10_000 }]) {
    const results = await publisher.publish(batch, options);
    expect(fates(results)).toEqual(["confirmed", "BROKER_REFUSED", "confirmed", "BROKER_REFUSED"]);
    for (const index of [1, 3])
      expect(results[index]).toMatchObject({ retryable: true, error: { message: /authori[sz]/i } });
  }
  await grant("orders", [
    { on: on.TOPIC, name: forbidden, may: [may.WRITE] },
    { on: on.TOPIC, name: hidden, may: [may.WRITE] },
  ]);
  await waitFor(async () => {
    const results = await publisher.publish([message(forbidden), message(hidden)], NO_FENCE);
    return fates(results).every((fate) => fate === "confirmed");
  });
});

test.each([
  ["the topic", on.TOPIC, /topic/i],
  ["its group", on.GROUP, /group authorization/i],
  ["its transactional id", on.TRANSACTIONAL_ID, /transactional/i],
])("a group without a right on %s does not start, and it is said why", async (_what, missing, why) => {
  const [topic, group] = [fresh("order"), fresh("billing")];
  await created(topic);
  await grant(
    "billing",
    ofConsumer(topic, group).filter((right) => right.on !== missing),
  );
  const consumer = await brokerOf("billing");
  const declaring = consumer.declareGroup(group, [topic]);
  await expect(declaring).rejects.toThrow(/authori[sz]/i);
  await expect(declaring).rejects.toThrow(why);
  await expect(declaring).rejects.toThrow(group);
});

test.each([
  ["its transactional id", on.TRANSACTIONAL_ID, /transactional/i],
  ["the groups that keep its epoch", on.GROUP, /group authorization/i],
])("a relay without a right on %s publishes nothing, and it is said why", async (_what, missing, why) => {
  const [topic, group, source] = [fresh("order"), fresh("billing"), fresh("stock")];
  await created(topic);
  const rights = ofPublisher(topic, group, source).filter((right) => right.on !== missing);
  await grant("orders", [...rights, { on: on.GROUP, name: group, may: [may.DESCRIBE] }]);
  const publisher = await brokerOf("orders", { requireGroup: false });
  const lease = { source, incarnation: "i", epoch: 1 };
  const fencing = publisher.fence(lease);
  await expect(fencing).rejects.toThrow(why);
  await expect(fencing).rejects.toThrow(source);
  const batch = [message(topic, { source }), message(topic, { source })];
  const results = await publisher.publish(batch, { fence: lease, timeoutMs: 10_000 });
  expect(fates(results)).toEqual(["BROKER_REFUSED", "held"]);
  expect(results[0]).toMatchObject({ retryable: true });
});

test.each([
  [
    "a wrong password",
    { sasl: { mechanism: "plain", username: "orders", password: "wrong" } },
    /authentication/i,
  ],
  ["a user nobody knows", { sasl: { mechanism: "plain", username: "x", password: "x" } }, /authentication/i],
  ["another authority's certificate", { ssl: { ca: OTHER_CERTIFICATE } }, /certificate/i],
] as const)("with %s nothing is opened, and it is said why", async (_what, options, why) => {
  const opening = brokerOf("orders", options);
  await expect(opening).rejects.toMatchObject({ code: "BROKER_UNAVAILABLE" });
  await expect(opening).rejects.toThrow(why);
});

test("without TLS there is no answer", async () => {
  const opening = brokerOf("orders", { ssl: false, connectTimeoutMs: 300 });
  await expect(opening).rejects.toMatchObject({ code: "BROKER_UNAVAILABLE" });
});
