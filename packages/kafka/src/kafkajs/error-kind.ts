/** What a failed request means. */
export type ErrorKind =
  /** A newer producer has the transactional id. */
  | "fenced"
  /** The server decided against it: the same records are refused again. */
  | "refused"
  /** This user may not do that with the topic, until somebody allows it. */
  | "topic-forbidden"
  /** This user may not do that at all: it lacks a right on the transactional id, a group or the cluster. */
  | "forbidden"
  /** One record, or the records of a partition together, are too large. */
  | "too-large"
  /** Nobody knows. */
  | "unknown";

const KINDS: Readonly<Record<string, ErrorKind>> = {
  INVALID_PRODUCER_EPOCH: "fenced",
  INVALID_TXN_STATE: "fenced",
  MESSAGE_TOO_LARGE: "too-large",
  RECORD_LIST_TOO_LARGE: "too-large",
  TOPIC_AUTHORIZATION_FAILED: "topic-forbidden",
  // What a transaction is told of its other topics, when it may not write to one.
  OPERATION_NOT_ATTEMPTED: "topic-forbidden",
  CLUSTER_AUTHORIZATION_FAILED: "forbidden",
  GROUP_AUTHORIZATION_FAILED: "forbidden",
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "forbidden",
  INVALID_TOPIC_EXCEPTION: "refused",
  INVALID_TIMESTAMP: "refused",
  INVALID_RECORD: "refused",
  POLICY_VIOLATION: "refused",
  UNSUPPORTED_COMPRESSION_TYPE: "refused",
  UNSUPPORTED_FOR_MESSAGE_FORMAT: "refused",
};

/** kafkajs does not know the codes after 88. */
const PRODUCER_FENCED = "Unknown error code 90";
const CAUSES_MAX = 8;

export function errorKind(error: unknown): ErrorKind {
  const type = protocolErrorOf(error);
  return type === null ? "unknown" : (KINDS[type] ?? "unknown");
}

/** Whether the user lacks a right. Somebody may grant it: the same may succeed later. */
export function isForbidden(kind: ErrorKind): boolean {
  return kind === "topic-forbidden" || kind === "forbidden";
}

/** The name of Kafka's own error behind what kafkajs threw, `null` when there is none. */
export function protocolErrorOf(error: unknown): string | null {
  let current: unknown = error;
  for (let depth = 0; depth < CAUSES_MAX && current instanceof Error; depth += 1) {
    if (current.message === PRODUCER_FENCED) return "INVALID_PRODUCER_EPOCH";
    if ("type" in current && typeof current.type === "string") return current.type;
    current = current.cause;
  }
  return null;
}
