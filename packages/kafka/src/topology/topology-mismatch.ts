import { WaybillError } from "@waybill/core";

export function topicMissing(kafkaTopic: string): WaybillError {
  return mismatch(`there is no topic ${kafkaTopic}. Create it, or use declare: true.`);
}

export function partitionsChanged(
  kafkaTopic: string,
  before: number,
  now: number,
  group?: string,
): WaybillError {
  const since = group === undefined ? "when this process started" : `when group ${group} was declared`;
  return mismatch(
    `topic ${kafkaTopic} has ${now} partitions and had ${before} ${since}. Messages of a key would go to another ` +
      "partition than its earlier ones and overtake them. docs/kafka.md says how to change the number.",
  );
}

export function unsafeTopic(kafkaTopic: string, danger: string, setting: string): WaybillError {
  return mismatch(`topic ${kafkaTopic} may lose messages: ${danger}. Set ${setting} on it.`);
}

function mismatch(detail: string): WaybillError {
  return new WaybillError("TOPOLOGY_MISMATCH", `Kafka: ${detail}`);
}
