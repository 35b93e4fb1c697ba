import { deepEqual, equal, ok } from "node:assert/strict";
import { vi } from "vitest";
import { openQueueEngine } from "@waybill/broker/queues";
import { Client, temporaryDirectory, textOf } from "./engine-fixture.ts";
import { KillableFileSystem } from "./killable-file-system.ts";

const SMALL = {
  acquireLock: () => ({ release: () => {} }),
  segmentBytes: 8192,
  fillAheadBytes: 4096,
  messageBytesMax: 4096,
  checkpointBytes: 4096,
  ackFlushMs: 0,
} as const;

/** So that segments fill and checkpoints are written. */
const PADDING = " ".repeat(400);

export const QUEUES = ["a", "b", "c"] as const;
/** What may happen. */
export type Action =
  | {
      readonly kind: "publish";
      readonly to: readonly string[];
      readonly count: number;
      readonly persistent: boolean;
    }
  | { readonly kind: "get"; readonly queue: string }
  | { readonly kind: "settle"; readonly which: number; readonly how: "ack" | "drop" | "requeue" }
  | { readonly kind: "settleAll"; readonly how: "ack" | "requeue" }
  | { readonly kind: "purge"; readonly queue: string }
  | { readonly kind: "recreate"; readonly queue: string }
  | { readonly kind: "restart" | "crash" };

interface Message {
  readonly number: number;
  readonly isPersistent: boolean;
}

interface Held {
  readonly tag: number;
  readonly queue: string;
  readonly message: Message;
}

/** What the queues must hold: messages in the order of their numbers, and what a client holds unsettled. */
class Model {
  readonly ready = new Map<string, Message[]>(QUEUES.map((queue) => [queue, []]));
  held: Held[] = [];
  nextNumber = 0;

  queue(name: string): Message[] {
    return this.ready.get(name) ?? [];
  }

  giveBack(taken: readonly Held[]): void {
    for (const { queue, message } of taken) {
      const messages = this.queue(queue);
      messages.push(message);
      messages.sort((one, other) => one.number - other.number);
    }
  }

  restart(): void {
    this.giveBack(this.held);
    this.held = [];
    for (const [queue, messages] of this.ready)
      this.ready.set(
        queue,
        messages.filter((one) => one.isPersistent),
      );
  }
}

/** The engine under test and the model beside it. */
export class Run {
  readonly model = new Model();
  #dataDir = "";
  #isOver = false;
  #fileSystem = new KillableFileSystem();
  #client: Client | null = null;

  get client(): Client {
    if (this.#client === null) throw new Error("not open");
    return this.#client;
  }

  async open(): Promise<void> {
    ok(!this.#isOver, "the test is over");
    this.#fileSystem = new KillableFileSystem();
    const engine = await openQueueEngine({ dataDir: this.#dataDir, fileSystem: this.#fileSystem, ...SMALL });
    this.#client = new Client(engine, await engine.createVirtualHost("/"));
  }

  async begin(): Promise<void> {
    this.#dataDir = await temporaryDirectory();
    await this.open();
    for (const queue of QUEUES) await this.#declare(queue);
  }

  async step(next: Action): Promise<void> {
    const { client, model } = this;
    switch (next.kind) {
      case "publish": {
        for (let index = 0; index < next.count; index += 1) {
          const message = { number: model.nextNumber, isPersistent: next.persistent };
          model.nextNumber += 1;
          const headers = { CC: next.to.slice(1) };
          client.publish(next.to[0] ?? "", `${message.number}${PADDING}`, {
            headers,
            deliveryMode: next.persistent ? 2 : 1,
          });
          for (const queue of next.to) model.queue(queue).push(message);
        }
        return client.engine.flush();
      }
      case "get": {
        const got = await client.session.get(next.queue, false);
        const message = model.queue(next.queue).shift();
        equal(got === null ? null : Number.parseInt(textOf(got)), message?.number ?? null);
        if (got !== null && message !== undefined)
          model.held.push({ tag: got.tag, queue: next.queue, message });
        return;
      }
      case "settle": {
        const [held] = model.held.splice(next.which % Math.max(1, model.held.length), 1);
        if (held === undefined) return;
        if (next.how === "ack") client.session.ack(held.tag, false);
        else client.session.reject(held.tag, false, next.how === "requeue");
        if (next.how === "requeue") model.giveBack([held]);
        return;
      }
      case "settleAll": {
        const { held } = model;
        model.held = [];
        if (next.how === "ack") client.session.ack(0, true);
        else client.session.reject(0, true, true);
        if (next.how === "requeue") model.giveBack(held);
        return;
      }
      case "purge": {
        const purged = await client.host.purgeQueue(next.queue, client.connection);
        equal(purged, model.queue(next.queue).length);
        model.ready.set(next.queue, []);
        return;
      }
      case "recreate":
        await client.host.deleteQueue(next.queue, { ifUnused: false, ifEmpty: false }, client.connection);
        await this.#declare(next.queue);
        model.ready.set(next.queue, []);
        // What was unsettled is gone with the queue; settling it still is no error.
        for (const { tag } of model.held.filter(({ queue }) => queue === next.queue))
          client.session.ack(tag, false);
        model.held = model.held.filter(({ queue }) => queue !== next.queue);
        return;
      case "restart":
        client.session.close();
        await client.engine.close();
        model.restart();
        return this.open();
      case "crash":
        await this.#settledOnDisk();
        model.restart();
        await this.#fileSystem.kill();
        return this.open();
      default:
        next satisfies never;
    }
  }

  /** Nothing is opened any more, even if a step is still running. */
  end(): Promise<void> {
    this.#isOver = true;
    return this.#fileSystem.kill();
  }

  check(): void {
    for (const queue of QUEUES) equal(this.client.count(queue), this.model.queue(queue).length);
  }

  /** Takes everything out and compares it. */
  async finish(): Promise<void> {
    for (const queue of QUEUES) {
      const numbers = this.model.queue(queue).map(({ number }) => `${number}${PADDING}`);
      deepEqual(await this.client.drain(queue), numbers);
    }
    this.client.session.ack(0, true);
    const { virtualHosts } = await this.client.engine.report();
    deepEqual(
      virtualHosts.map(({ messageBytes }) => messageBytes),
      [0],
    );
    this.client.session.close();
    await this.client.engine.close();
  }

  /** Acknowledgements are written lazily; a crash before may bring such messages again, which the model does not know. */
  async #settledOnDisk(): Promise<void> {
    // One record may be on its way, and the next one waits for it.
    for (let record = 0; record < 3; record += 1) {
      const timerIsOver = performance.now() + 2;
      await vi.waitFor(() => ok(performance.now() > timerIsOver), { interval: 1 });
      await this.#declare(QUEUES[0]);
    }
  }

  async #declare(queue: string): Promise<void> {
    await this.client.declare(queue);
  }
}
