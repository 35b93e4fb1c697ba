import type { Log, RecordSource } from "@waybill/log";
import type { ConnectionToken, EngineReport, QueueEngine, QueueReport, VirtualHost } from "../contract.ts";
import type { ResolvedQueueEngineOptions } from "../options.ts";
import type { Held } from "../queue/held.ts";
import type { Queue } from "../queue/queue.ts";
import { MemoryBudget } from "../queue/queue-surroundings.ts";
import type { Content } from "../records/content-record.ts";
import type { TopologyChange } from "../records/topology-record.ts";
import { encodeTopology } from "../records/topology-record.ts";
import { RefusalError } from "../refusal.ts";
import type { ChannelSession } from "../session/channel-session.ts";
import { Host } from "../topology/host.ts";
import type { HostServices } from "../topology/host-services.ts";
import { AckJournal } from "./ack-journal.ts";
import { DeliveryHorizons } from "./delivery-horizon.ts";
import { MessageStore } from "./message-store.ts";

interface Gathered {
  readonly content: Content;
  readonly queues: readonly Queue[];
}

/** All virtual hosts over one open log. */
export class Engine implements QueueEngine, HostServices {
  onBlocked: (reason: string | null) => void = () => {};
  onFailed: (error: Error) => void = () => {};
  readonly memory: MemoryBudget;
  readonly messageBytesMax: number;
  readonly hosts = new Map<string, Host>();
  /** Every queue by its number, for recovery. */
  readonly queues = new Map<number, Queue>();
  readonly #log: Log;
  readonly #options: ResolvedQueueEngineOptions;
  readonly #store: MessageStore;
  readonly #acks: AckJournal;
  readonly #horizons: DeliveryHorizons;
  readonly #sessions = new Set<ChannelSession>();
  #lastQueueId = 0;
  #gathered: Gathered[] = [];
  #gatheredBytes = 0;
  #scheduled: Queue[] = [];
  #failure: Error | null = null;

  constructor(log: Log, options: ResolvedQueueEngineOptions) {
    this.#log = log;
    this.#options = options;
    this.messageBytesMax = options.messageBytesMax;
    this.memory = new MemoryBudget(options.memoryBytesMax);
    this.#store = new MessageStore(log);
    this.#acks = new AckJournal((record) => this.#append([record]), options.clock, options.ackFlushMs);
    this.#horizons = new DeliveryHorizons((record) => this.#append([record]));
    log.onPoisoned = (error) => this.#fail(error);
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
    const host = this.hosts.get(name);
    if (host === undefined) return;
    this.dropHost(name);
    await this.record({ op: "drop-host", virtualHost: name });
  }

  flush(): Promise<void> {
    const gathered = this.#gathered;
    if (gathered.length === 0) return this.#log.append([]);
    this.#gathered = [];
    this.#gatheredBytes = 0;
    const firstOffset = this.#log.nextOffset;
    const records: RecordSource[] = [];
    const reached = new Map<Queue, number>();
    for (const [index, { content, queues }] of gathered.entries()) {
      records.push(content);
      for (const queue of queues) reached.set(queue, firstOffset + index);
    }
    const horizons = this.#horizons.travelling(reached);
    if (horizons !== null) records.push(horizons.record);
    // Whether there is space was asked before each message was taken.
    return this.#log.append(records, { urgent: true }).then(() => {
      horizons?.reached();
      let offset = firstOffset;
      for (const { content, queues } of gathered) {
        for (const queue of queues) queue.offer(offset, content);
        offset += 1;
      }
    });
  }

  connectionClosed(connection: ConnectionToken): void {
    for (const host of this.hosts.values()) {
      for (const queue of host.queues.values()) {
        if (queue.owner === connection) host.removeQueue(queue).catch(() => {});
      }
    }
  }

  async report(): Promise<EngineReport> {
    const queues = Array.from(this.queues.values(), reportOf);
    return {
      blockedBy: this.#log.refusal(0)?.message ?? null,
      durableOffset: this.#log.durableOffset,
      segmentCount: this.#log.segmentCount,
      storedBytes: await this.#log.sizeBytes(),
      queues,
    };
  }

  async close(): Promise<void> {
    try {
      if (this.#failure === null) await this.#acks.flush();
    } finally {
      this.#acks.stop();
      await this.#log.close();
    }
  }

  now(): number {
    return this.#options.clock.now();
  }

  randomName(): string {
    return this.#options.randomName();
  }

  nextQueueId(): number {
    this.#lastQueueId += 1;
    return this.#lastQueueId;
  }

  /** Numbers up to it are never given again. */
  sawQueueId(id: number): void {
    this.#lastQueueId = Math.max(this.#lastQueueId, id);
  }

  async record(change: TopologyChange): Promise<void> {
    await this.#append([encodeTopology(change)]);
  }

  async recorded(): Promise<void> {
    await this.#append([]);
  }

  takes(bytes: number): boolean {
    return this.#log.refusal(this.#gatheredBytes + bytes) === null;
  }

  enqueue(content: Content, queues: readonly Queue[]): void {
    this.#gathered.push({ content, queues });
    this.#gatheredBytes += content.byteLength;
  }

  schedule(queue: Queue): void {
    this.#scheduled.push(queue);
    if (this.#scheduled.length === 1) queueMicrotask(() => this.#pump());
  }

  mayDeliver(queue: Queue, offset: number): boolean {
    return this.#horizons.covers(queue, offset);
  }

  covered(queue: Queue, offset: number): Promise<void> {
    return this.#horizons.covered(queue, offset);
  }

  read(offset: number): Promise<(offset: number) => Content | null> {
    return this.#store.read(offset);
  }

  settled(queue: Queue, offset: number): void {
    this.#acks.note(queue.id, offset);
  }

  onDamage(error: unknown): void {
    this.#fail(error instanceof Error ? error : new Error(String(error)));
  }

  sessionOpened(session: ChannelSession): void {
    this.#sessions.add(session);
  }

  sessionClosed(session: ChannelSession): void {
    this.#sessions.delete(session);
  }

  queueOpened(queue: Queue): void {
    this.queues.set(queue.id, queue);
  }

  queueClosed(queue: Queue): void {
    this.queues.delete(queue.id);
  }

  rejected(queue: Queue, held: Held): void {
    queue.settle(held);
  }

  returned(queue: Queue, held: readonly Held[]): void {
    queue.giveBack(held);
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
    for (const queue of host.queues.values()) {
      queue.end();
      this.queues.delete(queue.id);
    }
  }

  #pump(): void {
    const scheduled = this.#scheduled;
    this.#scheduled = [];
    for (const queue of scheduled) queue.pump();
  }

  async #append(records: readonly RecordSource[]): Promise<void> {
    try {
      await this.#log.append(records, { urgent: true });
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new RefusalError(541, `nothing can be stored: ${detail}`, { cause });
    }
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return;
    this.#failure = error;
    this.onFailed(error);
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
