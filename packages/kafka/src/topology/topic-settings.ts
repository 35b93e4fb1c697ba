import kafkajs from "kafkajs";
import type { Admin } from "kafkajs";
import { protocolErrorOf } from "../kafkajs/error-kind.ts";
import { unsafeTopic } from "./topology-mismatch.ts";

/** Settings of a topic that decide what a confirm is worth, by name. */
export type TopicSettings = Readonly<Record<string, string>>;

const NAMES = [
  "max.message.bytes",
  "cleanup.policy",
  "min.insync.replicas",
  "unclean.leader.election.enable",
];

/** What servers take when they do not say: Kafka's default. */
const BATCH_BYTES_DEFAULT = 1_048_588;
/** The part of a batch that is not records. */
const BATCH_OVERHEAD_BYTES = 128;

/** Nothing when this user may not read them: whoever may write to a topic may not always do that. */
export async function readTopicSettings(admin: Admin, kafkaTopic: string): Promise<TopicSettings> {
  const type = kafkajs.ConfigResourceTypes.TOPIC;
  try {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type, name: kafkaTopic, configNames: NAMES }],
    });
    const entries = resources[0]?.configEntries ?? [];
    return Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue]));
  } catch (error) {
    if (protocolErrorOf(error) === null) throw error;
    return {};
  }
}

/** Most bytes that the records of one batch may have. */
export function batchBytesMaxOf(settings: TopicSettings): number {
  return Number(settings["max.message.bytes"] ?? BATCH_BYTES_DEFAULT) - BATCH_OVERHEAD_BYTES;
}

/** @throws WaybillError `TOPOLOGY_MISMATCH` when confirmed messages could be lost, with what to change */
export function checkTopicSettings(kafkaTopic: string, replicas: number, settings: TopicSettings): void {
  if (settings["cleanup.policy"]?.includes("compact") === true)
    throw unsafeTopic(
      kafkaTopic,
      "compaction removes all but the latest message of a key",
      "cleanup.policy=delete",
    );
  if (replicas > 1 && settings["unclean.leader.election.enable"] === "true")
    throw unsafeTopic(
      kafkaTopic,
      "a replica that misses confirmed messages may become leader",
      "unclean.leader.election.enable=false",
    );
  if (replicas > 2 && settings["min.insync.replicas"] === "1")
    throw unsafeTopic(
      kafkaTopic,
      `a message is confirmed when one of ${replicas} replicas has it`,
      "min.insync.replicas=2",
    );
}
