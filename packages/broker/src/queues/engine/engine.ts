import type { Log, RecordSource } from "@waybill/log";
import type { ConnectionToken, EngineReport, QueueEngine, QueueReport, VirtualHost } from "../contract.ts";
import { DeadLetters } from "../dead-letter/dead-letters.ts";
import { DELAYED_QUEUE_ID, DelayedMessages } from "../delay/delayed-messages.ts";
import { report } from "../events.ts";
import type { ResolvedQueueEngineOptions } from "../options.ts";
import { AllPositions } from "../positions/all-positions.ts";
import type { ReportReuse } from "../positions/taken-position.ts";
import type { Held } from "../queue/held.ts";
import type { MessageBytes } from "../queue/message-bytes.ts";
import type { OffsetRun } from "../queue/offset-queue.ts";
import type { Queue } from "../queue/queue.ts";
import type { DeathReason, FindStored } from "../queue/queue-surroundings.ts";
import { MemoryBudget } from "../queue/queue-surroundings.ts";
import type { Content } from "../records/content-record.ts";
import { encodeReturns } from "../records/marks-record.ts";
import type { TopologyChange } from "../records/topology-record.ts";
import { encodeTopology } from "../records/topology-record.ts";
import { RefusalError } from "../refusal.ts";
import type { ChannelSession } from "../session/channel-session.ts";
import { Host } from "../topology/host.ts";
import type { HostLimits } from "../topology/host-limits.ts";
import type { HostServices } from "../topology/host-services.ts";
import { AckJournal } from "./ack-journal.ts";
import { Blocking } from "./blocking.ts";
import type { CommitListener } from "./commits.ts";
import { Commits } from "./commits.ts";
import { DeliveryHorizons } from "./delivery-horizon.ts";
import { MessageStore } from "./message-store.ts";

/** A settled message counts for the next checkpoint, too: with it, space on disk may have become free. */
const SETTLED_BYTES = 128;

/** With less space than this publishers are told that they are blocked, so that a message that fits by chance does not unblock them. */
const BLOCKED_BELOW_BYTES = 64 * 1024;

/** All virtual hosts over one open log. */
export class Engine implements QueueEngine, HostServices {
  onFailed: (error: Error) => void = () => {};
  readonly memory: MemoryBudget;
  readonly messageBytesMax: number;
  readonly limits: HostLimits;
  readonly hosts = new Map<string, Host>();
  /** Every queue by its number. */
  readonly queues = new Map<number, Queue>();
  readonly sessions = new Set<ChannelSession>();
  readonly commits: Commits;
  readonly store: MessageStore;
  readonly delayed: DelayedMessages;
  readonly positions = new AllPositions();
  readonly positionReused: ReportReuse = (event) => report(this.#options.onEvent, event);
  /** Called now and then while the disk is full: what was settled may have made room. */
  onDiskFull: () => void = () => {};
  /** What a checkpoint does before the log is closed. */
  beforeClose: () => Promise<void> = () => Promise.resolve();
  onVirtualHostBlocked: (name: string, reason: string | null) => void = () => {};
  lastQueueId = 0;
  readonly #log: Log;
  readonly #options: ResolvedQueueEngineOptions;
  readonly #acks: AckJournal;
  readonly #horizons: DeliveryHorizons;
  readonly #deadLetters: DeadLetters;
  readonly #blocking: Blocking;
  #scheduled: Queue[] = [];
  #isFlushing = false;
  #failure: Error | null = null;
  #closing: Promise<void> | null = null;

  constructor(log: Log, options: ResolvedQueueEngineOptions) {
    this.#log = log;
    this.#options = options;
    this.messageBytesMax = options.messageBytesMax;
    this.limits = options;
    this.memory = new MemoryBudget(options.memoryBytesMax);
    this.store = new MessageStore(log);
    this.#acks = new AckJournal((record) => this.append([record]), options.clock, options.ackFlushMs);
    this.#horizons = new DeliveryHorizons((record) => this.append([record]));
    this.commits = new Commits(log, this.#horizons);
    this.#deadLetters = new DeadLetters(this);
    this.delayed = new DelayedMessages(this);
    this.#blocking = new Blocking(options.clock, () =>
      log.failure === null ? log.refusal(BLOCKED_BELOW_BYTES) : null,
    );
    this.#blocking.onWaiting = () => this.onDiskFull();
    log.onPoisoned = (error) => this.onDamage(error);
  }

  get isOver(): boolean {
    return this.#failure !== null || this.#closing !== null;
  }

  get onBlocked(): (reason: string | null) => void {
    return this.#blocking.onChange;
  }

  set onBlocked(listener: (reason: string | null) => void) {
    this.#blocking.onChange = listener;
  }

  virtualHost(name: string): VirtualHost | undefined {
    return this.hosts.get(name);
  }

  virtualHostNames(): readonly string[] {
    return [...this.hosts.keys()];
  }

  async createVirtualHost(name: string): Promise<VirtualHost> {
    const there = this.hosts.get(name);
    if (there !== undefined) {
      await this.recorded();
      return there;
    }
    const host = this.addHost(name);
    await this.record({ op: "add-host", virtualHost: name });
    return host;
  }

  async deleteVirtualHost(name: string): Promise<void> {
    if (!this.hosts.has(name)) return;
    this.dropHost(name);
    await this.record({ op: "drop-host", virtualHost: name });
  }

  flush(): Promise<void> {
    return this.commits.flush();
  }

  connectionClosed(connection: ConnectionToken): void {
    for (const host of this.hosts.values()) host.connectionClosed(connection);
  }

  async report(): Promise<EngineReport> {
    return {
      blockedBy: this.#blocking.reason,
      durableOffset: this.#log.durableOffset,
      segmentCount: this.#log.segments.filter(({ isDropped }) => !isDropped).length,
      storedBytes: await this.#log.sizeBytes(),
      virtualHosts: Array.from(this.hosts.values(), ({ name, queues, bytes, blockedBy }) => ({
        name,
        blockedBy,
        queueCount: queues.size,
        messageBytes: bytes.bytes,
      })),
      queues: Array.from(this.queues.values(), reportOf),
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  now(): number {
    return this.#options.clock.now();
  }

  after(ms: number, action: () => void): () => void {
    return this.#options.clock.after(ms, action);
  }

  sleep(ms: number): Promise<void> {
    return this.#options.clock.sleep(ms);
  }

  randomName(): string {
    return this.#options.randomName();
  }

  nextQueueId(): number {
    this.lastQueueId += 1;
    return this.lastQueueId;
  }

  async record(change: TopologyChange): Promise<void> {
    await this.append([encodeTopology(change)]);
  }

  async recorded(): Promise<void> {
    await this.append([]);
  }

  takes(bytes: number): boolean {
    if (this.#failure === null && this.commits.takes(bytes)) return true;
    this.#blocking.check();
    return false;
  }

  enqueue(content: Content, queues: readonly Queue[], listener: CommitListener | null): void {
    this.commits.add(content, queues, listener);
  }

  note(record: RecordSource, listener: CommitListener): void {
    this.commits.note(record, listener);
  }

  delay(content: Content, dueAt: number): void {
    this.commits.add(content, [], {
      stored: (offset) => {
        this.delayed.add(dueAt, offset);
        this.#delayedBytesOf(content)?.add(content.byteLength);
      },
    });
  }

  left(content: Content | null): void {
    if (content !== null) this.#delayedBytesOf(content)?.remove(content.byteLength);
    // What was not found is known to be gone at the latest now.
    if (this.delayed.count === 0)
      for (const { delayedBytes } of this.hosts.values()) delayedBytes.restore(0, 0);
  }

  blockedChanged({ name, blockedBy }: { readonly name: string; readonly blockedBy: string | null }): void {
    this.onVirtualHostBlocked(name, blockedBy);
  }

  refused(queue: Queue, content: Content): void {
    this.#deadLetters.refused(queue, content);
  }

  /** What the engine itself publishes is flushed soon, all of this turn together. */
  post(content: Content, queues: readonly Queue[], stored: () => void): void {
    this.commits.add(content, queues, { stored });
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    queueMicrotask(() => {
      this.#isFlushing = false;
      // Refused or failed: the message is still where it was.
      this.commits.flush().catch(() => this.#blocking.check());
    });
  }

  route(virtualHost: string, exchange: string, content: Content, keys: readonly string[]): readonly Queue[] {
    return this.hosts.get(virtualHost)?.route(exchange, content, keys) ?? [];
  }

  schedule(queue: Queue): void {
    this.#scheduled.push(queue);
    if (this.#scheduled.length === 1) queueMicrotask(() => this.#pump());
  }

  mayDeliver(queue: Queue, offset: number): boolean {
    return offset < queue.horizon || this.#horizons.covers(queue, offset);
  }

  covered(queue: Queue, offset: number): Promise<void> {
    return this.#horizons.covered(queue, offset);
  }

  read(offset: number): Promise<FindStored> {
    return this.store.read(offset);
  }

  settled(queue: Queue, offset: number): void {
    this.#acks.note(queue.id, offset);
    this.commits.onAppended(SETTLED_BYTES);
  }

  dropped(offset: number): void {
    this.#acks.note(DELAYED_QUEUE_ID, offset);
  }

  purged(queue: Queue, range: OffsetRun): void {
    this.#acks.noteRange(queue.id, range);
  }

  died(queue: Queue, held: Held, reason: DeathReason): void {
    this.#deadLetters.add(queue, held, reason);
  }

  counted(queue: Queue, returned: readonly Held[]): void {
    if (!queue.isStored) return;
    // Refused or failed: after a restart the count begins where it was recorded.
    this.append([encodeReturns(queue.id, returned)]).catch(() => {});
  }

  expired(queue: Queue): void {
    const host = this.hosts.get(queue.virtualHost);
    host?.removeQueue(queue).catch(() => {});
  }

  onDamage(error: unknown): void {
    if (this.isOver) return;
    this.#failure = error instanceof Error ? error : new Error(String(error));
    this.#stopTimers();
    this.onFailed(this.#failure);
  }

  sessionOpened(session: ChannelSession): void {
    this.sessions.add(session);
  }

  sessionClosed(session: ChannelSession): void {
    this.sessions.delete(session);
  }

  queueOpened(queue: Queue): void {
    this.queues.set(queue.id, queue);
  }

  queueClosed(queue: Queue): void {
    this.queues.delete(queue.id);
  }

  /** Without a record. */
  addHost(name: string): Host {
    let host = this.hosts.get(name);
    if (host === undefined) {
      host = new Host(name, this);
      this.hosts.set(name, host);
    }
    return host;
  }

  /** Without a record. */
  forgetQueue(id: number): void {
    const queue = this.queues.get(id);
    if (queue !== undefined) this.hosts.get(queue.virtualHost)?.forgetQueue(queue);
  }

  /** Without a record. */
  dropHost(name: string): void {
    const host = this.hosts.get(name);
    if (host === undefined) return;
    this.hosts.delete(name);
    for (const { positions } of host.exchanges.values())
      if (positions !== null) this.positions.close(positions);
    for (const queue of host.queues.values()) {
      queue.end();
      this.queues.delete(queue.id);
    }
  }

  /** Durable when it resolves. May use the reserve of a full disk. @throws Refusal 541 */
  async append(records: readonly RecordSource[]): Promise<void> {
    try {
      await this.#log.append(records, { urgent: true });
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new RefusalError(541, `nothing can be stored: ${detail}`, { cause });
    }
  }

  #delayedBytesOf({ delayed }: Content): MessageBytes | undefined {
    return delayed === null ? undefined : this.hosts.get(delayed.virtualHost)?.delayedBytes;
  }

  #pump(): void {
    const scheduled = this.#scheduled;
    this.#scheduled = [];
    for (const queue of scheduled) queue.pump();
  }

  #stopTimers(): void {
    this.delayed.stop();
    this.#blocking.stop();
    this.#acks.stop();
    for (const queue of this.queues.values()) queue.stopTimers();
  }

  async #close(): Promise<void> {
    this.#stopTimers();
    try {
      if (this.#failure === null) {
        await this.#acks.flush();
        await this.beforeClose();
      }
    } finally {
      this.#stopTimers();
      await this.#log.close();
    }
  }
}

function reportOf(queue: Queue): QueueReport {
  return {
    name: queue.name,
    virtualHost: queue.virtualHost,
    messageCount: queue.readyCount,
    consumerCount: queue.consumers.size,
    durable: queue.spec.durable,
    unsettledCount: queue.unsettledCount,
    bytesInMemory: queue.bytesInMemory,
  };
}
