import type { Method } from "@waybill/amqp";
import { readContentHeader, readProperty } from "@waybill/amqp";
import type { Delivery, Publication, PublishVerdict, Session, SessionListener } from "@waybill/broker/queues";
import type { Confirmable } from "../connection/confirm-queue.ts";
import { channelError, connectionError } from "../replies/closing-error.ts";
import type { Permission } from "../users/access.ts";
import type { ChannelHost } from "./channel-host.ts";
import { FENCE_EXCHANGE, readFenceMessage, REFUSALS } from "./fence-message.ts";
import { IncomingContent } from "./incoming-content.ts";

/** Why a channel gets no deliveries for now. */
export const Hold = {
  /** The client asked for it. */
  flow: 1,
  /** The client does not take what was sent. */
  output: 2,
  /** A consumer is being made; its `consume-ok` goes first. */
  consume: 4,
} as const;

/** In the low byte of the flags before the properties. */
const HAS_USER_ID = 0x10;
/** What a publication takes beside its body, roughly. */
const PUBLICATION_BYTES = 128;
const NO_BODY: Buffer = Buffer.alloc(0);

/** One channel: its session in the engine, the message that is arriving on it, and what it has confirmed. */
export class Channel implements SessionListener, Confirmable {
  readonly number: number;
  readonly host: ChannelHost;
  readonly session: Session;
  readonly consumerTags: Set<string> = new Set();
  /** What an empty queue name means. */
  lastQueue = "";
  /** Consumers that ended while an answer is awaited. */
  #cancelled: string[] | null = null;
  #content: IncomingContent | null = null;
  #holds = 0;
  #isClosed = false;
  #isConfirming = false;
  #publishTag = 0;
  #confirmedTag = 0;

  constructor(number: number, host: ChannelHost) {
    this.number = number;
    this.host = host;
    this.session = host.virtualHost.openSession(host.token, this);
    if (host.output.isFull) this.hold(Hold.output);
    host.counters.channels += 1;
  }

  reply(method: Method): void {
    const { output } = this.host;
    output.frames.method(this.number, method);
    output.soon();
  }

  /** A message goes out with `method` before it. */
  send(method: Method, content: { readonly properties: Buffer; readonly body: Buffer }): void {
    const { output } = this.host;
    output.frames.content(this.number, method, content);
    output.soon();
  }

  /** From now on publications are counted and confirmed. */
  startConfirming(): void {
    this.#isConfirming = true;
  }

  /** @throws ClosingError 505 when a message is arriving on this channel */
  mustBeIdle(): void {
    if (this.#content !== null) throw this.#content.unexpected();
  }

  /** A message begins. @throws ClosingError 540 */
  begin(method: Method<"basic.publish">): void {
    if (method.immediate) throw connectionError(540, "immediate=true");
    this.#content = new IncomingContent(method);
  }

  header(bytes: Buffer, start: number, end: number): void {
    const content = this.#arriving();
    const header = readContentHeader(bytes, start, end);
    const { messageBytesMax } = this.host.limits;
    if (header.bodySize > messageBytesMax)
      throw channelError(
        406,
        `message size ${header.bodySize} is larger than configured max size ${messageBytesMax}`,
      );
    content.begin(header);
    if (header.bodySize === 0) this.#arrived(content);
  }

  body(part: Buffer): void {
    const content = this.#arriving();
    content.append(part);
    if (!content.isWhole) return this.host.partial.add(part.length);
    // The last part was not counted.
    if (part.length < content.bytes) this.host.partial.add(part.length - content.bytes);
    this.#arrived(content);
  }

  /** @throws ClosingError 403 when the user may not */
  require(permission: Permission, kind: "queue" | "exchange", name: string): void {
    const { access, virtualHost } = this.host;
    if (access.may(permission, virtualHost.name, name)) return;
    const what = `${kind} '${name === "" ? "amq.default" : name}'`;
    throw channelError(
      403,
      `${permission} access to ${what} in vhost '${virtualHost.name}' refused for user '${access.user}'`,
    );
  }

  /** @throws ClosingError 404 when the name is left out and no queue was declared */
  queueName(name: string): string {
    const queue = name === "" ? this.lastQueue : name;
    if (queue === "") throw channelError(404, "no previously declared queue");
    return queue;
  }

  deliver(delivery: Delivery): void {
    const { output, counters } = this.host;
    try {
      output.frames.deliver(this.number, delivery);
    } catch (error) {
      // The properties do not fit into a frame of this client: another one may take it.
      const text = error instanceof Error ? error.message : String(error);
      this.host.fail(connectionError(501, `a message cannot be delivered: ${text}`));
      return;
    }
    counters.messagesDelivered += 1;
    output.soon();
  }

  cancelled(consumerTag: string): void {
    this.consumerTags.delete(consumerTag);
    if (this.#cancelled !== null) this.#cancelled.push(consumerTag);
    else if (this.host.knowsCancel) this.reply({ name: "basic.cancel", consumerTag, nowait: true });
  }

  /**
   * What a client asks for may end its own consumers. It hears of them behind the answer, which `work` sends: a client
   * that closes the connection on a `basic.cancel` would never get it.
   */
  async answerBeforeCancels(work: () => Promise<void>): Promise<void> {
    const cancelled: string[] = [];
    this.#cancelled = cancelled;
    try {
      await work();
    } finally {
      this.#cancelled = null;
      if (!this.#isClosed) for (const consumerTag of cancelled) this.cancelled(consumerTag);
    }
  }

  confirm(tag: number, refused: readonly number[]): void {
    if (this.#isClosed) return;
    for (const refusedTag of refused) {
      this.#ackUpTo(refusedTag - 1);
      this.reply({ name: "basic.nack", deliveryTag: refusedTag, multiple: false, requeue: false });
      this.#confirmedTag = refusedTag;
    }
    this.host.counters.messagesConfirmed += tag - this.#confirmedTag;
    this.#ackUpTo(tag);
  }

  /** No deliveries for this reason, one of `Hold`, until it is released. */
  hold(reason: number): void {
    if (this.#holds === 0) this.session.pause();
    this.#holds |= reason;
  }

  release(reason: number): void {
    if ((this.#holds & reason) === 0) return;
    this.#holds &= ~reason;
    if (this.#holds === 0) this.session.resume();
  }

  /** Gives back what is unsettled. What was published and not confirmed never will be. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#forgetContent();
    this.session.close();
    this.host.counters.channels -= 1;
  }

  #arriving(): IncomingContent {
    if (this.#content !== null) return this.#content;
    throw connectionError(505, "expected method frame, got non method frame instead");
  }

  #arrived(content: IncomingContent): void {
    const { body, properties, method } = content;
    this.#content = null;
    this.#publish(method, properties, body);
  }

  #forgetContent(): void {
    if (this.#content !== null) this.host.partial.add(-this.#content.bytes);
    this.#content = null;
  }

  #publish(
    { exchange, routingKey, mandatory }: Method<"basic.publish">,
    properties: Buffer,
    body: Buffer,
  ): void {
    if (exchange === FENCE_EXCHANGE) return this.#fence(routingKey, properties);
    this.require("write", "exchange", exchange);
    if (((properties[1] ?? 0) & HAS_USER_ID) !== 0) this.#checkUserId(properties);
    const verdict = this.session.publish({ exchange, routingKey, properties, body });
    const { counters } = this.host;
    counters.messagesPublished += 1;
    if (verdict === "unroutable" && mandatory) {
      counters.messagesReturned += 1;
      const reason = { replyCode: 312, replyText: "NO_ROUTE" };
      this.send({ name: "basic.return", ...reason, exchange, routingKey }, { properties, body });
    } else if (verdict === "fenced" || verdict === "held") {
      this.#giveBack(REFUSALS[verdict], { exchange, routingKey, properties });
    }
    this.#answerLater(verdict, body.length + properties.length);
  }

  /** What is said here concerns what is published on this channel behind it. */
  #fence(exchange: string, properties: Buffer): void {
    this.require("write", "exchange", exchange);
    if (!this.#isConfirming) throw channelError(406, "a fence message needs publisher confirms");
    const verdict = this.session.fence(readFenceMessage(exchange, properties, this.#publishTag + 1));
    const itself = { exchange: FENCE_EXCHANGE, routingKey: exchange, properties };
    if (verdict === "fenced") this.#giveBack(REFUSALS.fenced, itself);
    this.#answerLater(verdict, properties.length);
  }

  /** Says why a message is refused, before its nack. The client has the body, and knows it by its properties. */
  #giveBack(
    reason: { readonly replyCode: number; readonly replyText: string },
    { exchange, routingKey, properties }: Omit<Publication, "body">,
  ): void {
    this.send({ name: "basic.return", ...reason, exchange, routingKey }, { properties, body: NO_BODY });
  }

  /** It is confirmed, or else nacked, when everything before it and itself is on disk. */
  #answerLater(verdict: PublishVerdict, bytes: number): void {
    const { confirms, counters } = this.host;
    this.host.published();
    confirms.add(bytes + PUBLICATION_BYTES);
    const isRefused = verdict !== "routed" && verdict !== "unroutable";
    if (isRefused) counters.messagesRefused += 1;
    if (!this.#isConfirming) return;
    this.#publishTag += 1;
    confirms.addConfirmed(this, this.#publishTag, isRefused);
  }

  #checkUserId(properties: Buffer): void {
    const userId = readProperty(properties, "userId");
    const { user } = this.host.access;
    if (userId === user) return;
    throw channelError(406, `user_id property set to '${userId ?? ""}' but authenticated user was '${user}'`);
  }

  #ackUpTo(tag: number): void {
    const count = tag - this.#confirmedTag;
    if (count <= 0) return;
    this.#confirmedTag = tag;
    this.host.output.frames.ack(this.number, tag, count > 1);
    this.host.output.soon();
  }
}
