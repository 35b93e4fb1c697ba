import type { RecordSource } from "@waybill/log";
import type { CommitListener } from "../engine/commits.ts";
import type { AllPositions } from "../positions/all-positions.ts";
import type { ReportReuse } from "../positions/taken-position.ts";
import type { Queue } from "../queue/queue.ts";
import type { QueueSurroundings } from "../queue/queue-surroundings.ts";
import type { Content } from "../records/content-record.ts";
import type { TopologyChange } from "../records/topology-record.ts";
import type { ChannelSession } from "../session/channel-session.ts";
import type { HostLimits } from "./host-limits.ts";

/** What virtual hosts need from the engine that they share. */
export interface HostServices extends QueueSurroundings {
  readonly messageBytesMax: number;
  readonly limits: HostLimits;
  randomName(): string;
  nextQueueId(): number;
  /** The positions of every exchange. */
  readonly positions: AllPositions;
  readonly positionReused: ReportReuse;
  /** Resolves when the change is on disk. */
  record(change: TopologyChange): Promise<void>;
  /** Resolves when everything recorded before is on disk. */
  recorded(): Promise<void>;
  /** Whether the log takes so many bytes more now. */
  takes(bytes: number): boolean;
  /** Gathers a message for the next flush. */
  enqueue(content: Content, queues: readonly Queue[], listener: CommitListener | null): void;
  /** The same of what is no message. */
  note(record: RecordSource, listener: CommitListener): void;
  /** Gathers one that is routed when it is due. */
  delay(content: Content, dueAt: number): void;
  /** A message that its queue had no room for goes to the dead-letter exchange. */
  refused(queue: Queue, content: Content): void;
  sessionOpened(session: ChannelSession): void;
  sessionClosed(session: ChannelSession): void;
  /** Publishers to it have to wait from now on, or no longer. */
  blockedChanged(host: { readonly name: string; readonly blockedBy: string | null }): void;
  queueOpened(queue: Queue): void;
  queueClosed(queue: Queue): void;
}
