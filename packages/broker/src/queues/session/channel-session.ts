import { replaceHeaders } from "@waybill/amqp";
import type {
  ConnectionToken,
  ConsumeSpec,
  FenceMessage,
  GotDelivery,
  Publication,
  PublishVerdict,
  Session,
  SessionListener,
} from "../contract.ts";
import type { ExchangePositions } from "../positions/exchange-positions.ts";
import type { FencedHost } from "../positions/fenced-publisher.ts";
import { FencedPublisher } from "../positions/fenced-publisher.ts";
import type { Held } from "../queue/held.ts";
import type { Queue } from "../queue/queue.ts";
import { RefusalError } from "../refusal.ts";
import type { SubscriptionOwner } from "./subscription.ts";
import { Subscription } from "./subscription.ts";
import { Unsettled, UnsettledDeliveries } from "./unsettled.ts";

/** What a session needs from its virtual host. */
export interface SessionHost extends FencedHost {
  /** What fenced publishers stored through the exchange. @throws Refusal 403, 404, 406 */
  positionsOf(exchange: string): ExchangePositions;
  /** @throws Refusal 404, 405 */
  queueFor(name: string, connection: ConnectionToken): Queue;
  /** After the last consumer of an auto-delete queue left. */
  unused(queue: Queue): void;
  closed(session: ChannelSession): void;
}

export class ChannelSession implements Session, SubscriptionOwner {
  readonly unsettled = new UnsettledDeliveries();
  readonly #host: SessionHost;
  readonly #connection: ConnectionToken;
  readonly #listener: SessionListener;
  readonly #consumers = new Map<string, Subscription>();
  #consumerPrefetch = 0;
  #sessionPrefetch = 0;
  /** Unsettled deliveries of consumers; what `get` answered does not count for the prefetch. */
  #consumed = 0;
  /** From the first fence message on. */
  #fenced: FencedPublisher | null = null;
  #isPaused = false;
  #isClosed = false;

  constructor(host: SessionHost, connection: ConnectionToken, listener: SessionListener) {
    this.#host = host;
    this.#connection = connection;
    this.#listener = listener;
  }

  get hasRoom(): boolean {
    return !this.#isPaused && (this.#sessionPrefetch === 0 || this.#consumed < this.#sessionPrefetch);
  }

  prefetch(limit: number, global: boolean): void {
    if (global) this.#sessionPrefetch = limit;
    else this.#consumerPrefetch = limit;
    this.#wakeAll();
  }

  publish(publication: Publication): PublishVerdict {
    const fenced = this.#fenced;
    return fenced === null ? this.#host.publish(publication, null) : fenced.publish(publication);
  }

  fence(message: FenceMessage): PublishVerdict {
    const positions = this.#host.positionsOf(message.exchange);
    if (this.#fenced?.positions !== positions) this.#fenced = new FencedPublisher(this.#host, positions);
    return this.#fenced.announce(message);
  }

  consume(spec: ConsumeSpec): Promise<void> {
    return new Promise((resolve) => {
      this.#consume(spec);
      resolve();
    });
  }

  cancel(consumerTag: string): boolean {
    const consumer = this.#consumers.get(consumerTag);
    if (consumer === undefined) return false;
    this.#consumers.delete(consumerTag);
    consumer.queue.leave(consumer);
    this.#host.unused(consumer.queue);
    return true;
  }

  async get(name: string, noAck: boolean): Promise<GotDelivery | null> {
    const queue = this.#host.queueFor(name, this.#connection);
    const held = await queue.take();
    if (held === null) return null;
    if (this.#isClosed) {
      queue.putBack(held);
      return null;
    }
    const delivery = this.#hand(held, queue, null, noAck);
    return { ...delivery, messageCount: queue.readyCount };
  }

  ack(tag: number, multiple: boolean): number {
    if (!multiple) {
      this.#settle(this.#take(tag));
      return 1;
    }
    const taken = this.#takeUpTo(tag);
    for (const unsettled of taken) this.#settle(unsettled);
    return taken.length;
  }

  reject(tag: number, multiple: boolean, requeue: boolean): void {
    const taken = multiple ? this.#takeUpTo(tag) : [this.#take(tag)];
    if (requeue) return this.#requeue(taken);
    for (const unsettled of taken) {
      this.#release(unsettled);
      unsettled.queue.die(unsettled.held, "rejected");
    }
  }

  recover(): void {
    this.#requeue(this.unsettled.takeUpTo(Infinity));
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#wakeAll();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const queues = Array.from(this.#consumers.values(), (consumer) => {
      consumer.queue.leave(consumer);
      return consumer.queue;
    });
    this.#consumers.clear();
    this.#requeue(this.unsettled.takeUpTo(Infinity));
    for (const queue of queues) this.#host.unused(queue);
    this.#host.closed(this);
  }

  deliver(consumer: Subscription, held: Held): void {
    this.#listener.deliver(this.#hand(held, consumer.queue, consumer, consumer.noAck));
  }

  cancelled(consumer: Subscription): void {
    this.#consumers.delete(consumer.tag);
    this.#listener.cancelled(consumer.tag);
  }

  #consume(spec: ConsumeSpec): void {
    const queue = this.#host.queueFor(spec.queue, this.#connection);
    if (this.#consumers.has(spec.consumerTag))
      throw new RefusalError(530, `attempt to reuse consumer tag '${spec.consumerTag}'`);
    const isTaken = queue.consumers.exclusive !== undefined || (spec.exclusive && queue.consumers.size > 0);
    if (isTaken) {
      throw new RefusalError(403, `queue '${queue.name}' in vhost '${this.#host.name}' in exclusive use`);
    }
    const priority = spec.arguments["x-priority"];
    const consumer = new Subscription(this, queue, {
      tag: spec.consumerTag,
      noAck: spec.noAck,
      isExclusive: spec.exclusive,
      priority: typeof priority === "number" ? priority : 0,
      prefetch: this.#consumerPrefetch,
    });
    this.#consumers.set(spec.consumerTag, consumer);
    queue.join(consumer);
  }

  #hand(held: Held, queue: Queue, consumer: Subscription | null, noAck: boolean) {
    const { content } = held;
    if (content === null) throw new Error("a message is delivered without its content");
    held.content = null;
    const { countsDeliveries } = queue.policy;
    const properties =
      countsDeliveries && held.returns > 0
        ? replaceHeaders(content.properties, { "x-delivery-count": BigInt(held.returns) })
        : content.properties;
    const tag = this.unsettled.add(noAck ? null : new Unsettled(held, queue, consumer));
    if (noAck) queue.settle(held);
    else {
      queue.unsettledCount += 1;
      if (consumer !== null) {
        consumer.unsettled += 1;
        this.#consumed += 1;
      }
    }
    return {
      tag,
      consumerTag: consumer?.tag ?? "",
      redelivered: held.isRedelivered,
      exchange: content.exchange,
      routingKey: content.routingKey,
      properties,
      body: content.body,
    };
  }

  #take(tag: number): Unsettled {
    const unsettled = this.unsettled.take(tag);
    if (unsettled === undefined) throw unknownTag(tag);
    return unsettled;
  }

  /** Tag 0 with `multiple` is everything there is, also nothing. Any other one must be unsettled itself, as in RabbitMQ. */
  #takeUpTo(tag: number): Unsettled[] {
    if (tag === 0) return this.unsettled.takeUpTo(Infinity);
    if (!this.unsettled.has(tag)) throw unknownTag(tag);
    return this.unsettled.takeUpTo(tag);
  }

  #settle(unsettled: Unsettled): void {
    this.#release(unsettled);
    unsettled.queue.settle(unsettled.held);
  }

  /** Makes room for what comes next. */
  #release({ queue, consumer }: Unsettled): void {
    queue.unsettledCount -= 1;
    if (consumer === null) return;
    consumer.unsettled -= 1;
    this.#consumed -= 1;
    if (this.#sessionPrefetch === 0) queue.schedule();
    else this.#wakeAll();
  }

  #requeue(taken: readonly Unsettled[]): void {
    const byQueue = new Map<Queue, Held[]>();
    for (const unsettled of taken) {
      this.#release(unsettled);
      const returned = byQueue.get(unsettled.queue);
      if (returned === undefined) byQueue.set(unsettled.queue, [unsettled.held]);
      else returned.push(unsettled.held);
    }
    for (const [queue, returned] of byQueue) {
      returned.sort((one, other) => one.offset - other.offset);
      queue.giveBack(returned);
    }
  }

  #wakeAll(): void {
    for (const consumer of this.#consumers.values()) consumer.queue.schedule();
  }
}

function unknownTag(tag: number): RefusalError {
  return new RefusalError(406, `unknown delivery tag ${tag}`);
}
