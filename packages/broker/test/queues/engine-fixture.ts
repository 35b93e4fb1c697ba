import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { encodeProperties } from "@waybill/amqp";
import type { MessageProperties } from "@waybill/amqp";
import type {
  Delivery,
  FieldTable,
  PublishVerdict,
  QueueCounts,
  QueueEngine,
  QueueEngineOptions,
  QueueSpec,
  Session,
  VirtualHost,
} from "@waybill/broker/queues";
import { openQueueEngine } from "@waybill/broker/queues";
import { KillableFileSystem } from "./killable-file-system.ts";

const SIZES = { fillAheadBytes: 65_536, segmentBytes: 1024 * 1024, messageBytesMax: 1024 * 1024 } as const;

export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "waybill-queues-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

export async function openEngine(
  dataDir: string,
  options: Partial<QueueEngineOptions> = {},
): Promise<QueueEngine> {
  const engine = await openQueueEngine({
    dataDir,
    ...SIZES,
    ...options,
  });
  onTestFinished(() => engine.close());
  return engine;
}

/** A virtual host with one client on it. */
export class Client {
  readonly engine: QueueEngine;
  readonly host: VirtualHost;
  readonly connection = {};
  readonly session: Session;
  readonly deliveries: Delivery[] = [];
  readonly cancelled: string[] = [];
  onDelivery: (delivery: Delivery) => void = () => {};

  constructor(engine: QueueEngine, host: VirtualHost) {
    this.engine = engine;
    this.host = host;
    this.session = host.openSession(this.connection, {
      deliver: (delivery) => {
        this.deliveries.push(delivery);
        this.onDelivery(delivery);
      },
      cancelled: (consumerTag) => this.cancelled.push(consumerTag),
    });
  }

  get texts(): string[] {
    return this.deliveries.map(textOf);
  }

  declare(name: string, args: FieldTable = {}, change: Partial<QueueSpec> = {}): Promise<QueueCounts> {
    const spec = { name, durable: true, exclusive: false, autoDelete: false, arguments: args, ...change };
    return this.host.declareQueue(spec, this.connection);
  }

  exchange(name: string, type: string, args: FieldTable = {}, change: object = {}): Promise<void> {
    const spec = {
      name,
      type,
      durable: true,
      autoDelete: false,
      internal: false,
      arguments: args,
      ...change,
    };
    return this.host.declareExchange(spec);
  }

  bind(queue: string, exchange: string, routingKey = "", args: FieldTable = {}): Promise<void> {
    return this.host.bindQueue(queue, exchange, routingKey, args, this.connection);
  }

  publish(
    routingKey: string,
    text: string,
    properties: MessageProperties = {},
    exchange = "",
  ): PublishVerdict {
    return this.session.publish({
      exchange,
      routingKey,
      properties: encodeProperties({ deliveryMode: 2, ...properties }),
      body: Buffer.from(text),
    });
  }

  /** Published to the queue and on disk. */
  async send(queue: string, ...texts: readonly string[]): Promise<void> {
    for (const text of texts) this.publish(queue, text);
    await this.engine.flush();
  }

  consume(
    queue: string,
    change: { noAck?: boolean; exclusive?: boolean; arguments?: FieldTable; tag?: string } = {},
  ) {
    return this.session.consume({
      queue,
      consumerTag: change.tag ?? "c",
      noAck: change.noAck ?? false,
      exclusive: change.exclusive ?? false,
      arguments: change.arguments ?? {},
    });
  }

  /** Everything that is ready in the queue, taken out. */
  async drain(queue: string): Promise<string[]> {
    const texts: string[] = [];
    for (;;) {
      const got = await this.session.get(queue, true);
      if (got === null) return texts;
      texts.push(textOf(got));
    }
  }

  count(queue: string): number {
    return this.host.checkQueue(queue, this.connection).messageCount;
  }
}

export function textOf({ body }: { readonly body: Buffer }): string {
  return body.toString();
}

export async function openClient(
  dataDir: string,
  options: Partial<QueueEngineOptions> = {},
): Promise<Client> {
  const engine = await openEngine(dataDir, options);
  return new Client(engine, await engine.createVirtualHost("/"));
}

/** A client whose process can be killed: then its directory can be opened again as that left it. */
export async function openMortal(
  dataDir: string,
  options: Partial<QueueEngineOptions> = {},
): Promise<{ readonly client: Client; readonly kill: () => Promise<void> }> {
  const fileSystem = new KillableFileSystem();
  onTestFinished(() => fileSystem.kill());
  const acquireLock = (): { release: () => void } => ({ release: () => {} });
  const engine = await openQueueEngine({ dataDir, ...SIZES, ...options, fileSystem, acquireLock });
  return { client: new Client(engine, await engine.createVirtualHost("/")), kill: () => fileSystem.kill() };
}

export function numbered(from: number, end: number): string[] {
  return Array.from({ length: end - from }, (_, index) => String(from + index));
}

export const WAIT = { timeout: 8000, interval: 5 };
