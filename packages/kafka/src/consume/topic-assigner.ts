import kafkajs from "kafkajs";
import type { Assigner, Cluster } from "kafkajs";

const VERSION = 0;

/**
 * Gives every partition to one of the members that take its topic. kafkajs' own assigner also gives partitions to
 * members that did not subscribe to them, which then nobody reads.
 */
export function topicAssigner(
  cluster: Pick<Cluster, "findTopicPartitionMetadata" | "addMultipleTargetTopics">,
): Assigner {
  const { MemberMetadata, MemberAssignment } = kafkajs.AssignerProtocol;
  return {
    name: "waybill",
    version: VERSION,
    protocol: ({ topics }) => ({
      name: "waybill",
      metadata: MemberMetadata.encode({ version: VERSION, topics, userData: Buffer.alloc(0) }),
    }),
    async assign({ members }) {
      const takes = members.map(({ memberId, memberMetadata }) => ({
        memberId,
        topics: MemberMetadata.decode(memberMetadata)?.topics ?? [],
      }));
      const topics = [...new Set(takes.flatMap((member) => member.topics))].toSorted();
      await cluster.addMultipleTargetTopics(topics);
      const assignments = shareOut(takes, topics, (topic) =>
        cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId),
      );
      return Array.from(assignments, ([memberId, assignment]) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({
          version: VERSION,
          assignment,
          userData: Buffer.alloc(0),
        }),
      }));
    },
  };
}

/** Shares the partitions of each topic among the members that take it, evenly. A pure function. */
export function shareOut(
  members: readonly { readonly memberId: string; readonly topics: readonly string[] }[],
  topics: readonly string[],
  partitionsOf: (topic: string) => readonly number[],
): Map<string, Record<string, number[]>> {
  const assignments = new Map(
    members.map(({ memberId }): [string, Record<string, number[]>] => [memberId, {}]),
  );
  let turn = 0;
  for (const topic of topics) {
    const candidates = members
      .filter((member) => member.topics.includes(topic))
      .map(({ memberId }) => memberId)
      .toSorted();
    for (const partition of partitionsOf(topic).toSorted((a, b) => a - b)) {
      const assignment = assignments.get(candidates[turn % candidates.length] ?? "");
      turn += 1;
      if (assignment !== undefined) (assignment[topic] ??= []).push(partition);
    }
  }
  return assignments;
}
