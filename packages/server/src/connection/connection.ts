import type { Socket } from "node:net";
import { decodeMethod, FrameDecoder, FrameType, PROTOCOL_HEADER, type Method } from "@waybill/amqp";
import type { Refusal } from "@waybill/broker/queues";
import { PartialBudget } from "../channel/partial-budget.ts";
import { notify } from "../events.ts";
import { closeArguments, connectionError, isRefusal } from "../replies/closing-error.ts";
import { Backlog, type Frame } from "./backlog.ts";
import { Channels, type Work } from "./channels.ts";
import type { ConnectionHost } from "./connection-host.ts";
import { Handshake, LoginRefused, type Agreement, type Tuned } from "./handshake.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Output } from "./output.ts";
import { Presence } from "./presence.ts";
import { PublishGate } from "./publish-gate.ts";
import { ReadGate, ReadHold } from "./read-gate.ts";
import { hasCapability } from "./server-properties.ts";

/** Before the client and the server agreed on another limit. RabbitMQ takes as much. */
const HANDSHAKE_FRAME_BYTES = 8_192;
const NOTHING: Buffer = Buffer.alloc(0);

/**
 * | phase | what is read |
 * |---|---|
 * | header | the first eight bytes |
 * | handshake | `start-ok` to `open`, each in its turn |
 * | running | everything |
 * | closing | the server has closed: nothing but the client's agreement |
 * | draining | nothing: what still comes is thrown away until the client is gone, so that it can read the last answer |
 * | closed | |
 */
type Phase = "header" | "handshake" | "running" | "closing" | "draining" | "closed";

/** One client, from its first byte to its last. */
export class Connection {
  readonly #socket: Socket;
  readonly #host: ConnectionHost;
  readonly #address: string;
  readonly #presence: Presence;
  readonly #onClosed: () => void;
  readonly #decoder = new FrameDecoder(HANDSHAKE_FRAME_BYTES);
  readonly #backlog = new Backlog();
  readonly #output: Output;
  readonly #reads: ReadGate;
  readonly #publishes: PublishGate;
  #phase: Phase = "header";
  #head: Buffer = NOTHING;
  #handshake: Handshake | null = null;
  #agreement: Agreement | null = null;
  #channels: Channels | null = null;
  #heartbeat: Heartbeat | null = null;
  /** The last method of channel 0. */
  #current: Method["name"] | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isHeard = false;
  #isStopping = false;
  #isReleased = false;
  #refusedUser: string | null = null;
  /** Why it ended; `null` while nobody has said so. */
  #reason: string | null = null;

  /** @param onClosed the socket is closed and nothing is left of the connection */
  constructor(socket: Socket, address: string, host: ConnectionHost, onClosed: () => void) {
    this.#socket = socket;
    this.#host = host;
    this.#address = address;
    this.#presence = new Presence(host, address, socket.remotePort ?? 0);
    this.#onClosed = onClosed;
    this.#reads = new ReadGate(socket);
    this.#output = new Output(socket, {
      frameBytesMax: HANDSHAKE_FRAME_BYTES,
      outputBytesMax: host.limits.outputBytesMax,
      sendTimeoutMs: host.limits.sendTimeoutMs,
      onFull: () => this.#channels?.hold(),
      onDrained: () => this.#drained(),
      onStalled: () => this.drop("the client takes nothing of what is sent to it"),
    });
    this.#publishes = new PublishGate(host, this.#reads, {
      reply: (method) => this.#reply(method),
      settled: () => this.#stopWhenIdle(),
      failed: (error) => this.#fail(error, null),
    });
    this.#timer = setTimeout(() => this.drop("the handshake took too long"), host.limits.handshakeTimeoutMs);
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    socket.on("error", (error) => (this.#reason ??= error.message));
    socket.on("close", () => this.#closed());
  }

  /** Publishers have to wait from now on, or no longer. */
  reviewBlocked(): void {
    if (this.#phase === "running") this.#publishes.reviewBlocked();
  }

  /** Reads nothing more, confirms what has arrived, and closes the connection with 320. */
  stop(): void {
    this.#isStopping = true;
    if (this.#phase === "running") this.#reads.hold(ReadHold.stopping);
    else if (this.#phase === "header" || this.#phase === "handshake") this.drop("the server stops");
    this.#stopWhenIdle();
  }

  /** Closes it with 320 when its user may not be in its virtual host any more. */
  review(): void {
    if (this.#agreement?.access.mayEnter(this.#agreement.virtualHost.name) === false)
      this.#fail(connectionError(320, "the user may not use the virtual host any more"), null);
  }

  /** Nothing can be stored any more: closes it with 541. */
  failed(): void {
    if (this.#phase === "running") this.#fail(connectionError(541, "the broker cannot store messages"), null);
  }

  /** Breaks the connection off. */
  drop(reason: string): void {
    this.#reason ??= reason;
    this.#socket.destroy();
  }

  #received(chunk: Buffer): void {
    this.#isHeard = true;
    if (this.#phase === "draining" || this.#phase === "closed") return;
    if (this.#phase === "header") return this.#begin(chunk);
    this.#decoder.push(chunk);
    this.#read();
  }

  #begin(chunk: Buffer): void {
    this.#head = Buffer.concat([this.#head, chunk]);
    const size = PROTOCOL_HEADER.length;
    if (this.#head.length < size) return;
    const rest = this.#head.subarray(size);
    if (!this.#head.subarray(0, size).equals(PROTOCOL_HEADER)) {
      this.#reason = "another protocol";
      this.#socket.write(PROTOCOL_HEADER);
      return this.#drain();
    }
    this.#head = NOTHING;
    this.#phase = "handshake";
    this.#handshake = new Handshake(this.#host, this.#address, {
      reply: (method) => this.#reply(method),
      tuned: (tuned) => this.#tuned(tuned),
      opened: (agreement) => this.#opened(agreement),
    });
    this.#decoder.push(rest);
    this.#read();
  }

  /** Handles what has arrived, until too much waits for an answer or there is no room for answers. */
  #read(): void {
    try {
      while (!this.#output.isOverfull && this.#next()) {
        // Every frame is handled in there.
      }
      this.#publishes.flush();
      if (this.#backlog.isFull) this.#reads.hold(ReadHold.work);
      else this.#reads.release(ReadHold.work);
      if (this.#output.isOverfull) this.#reads.hold(ReadHold.output);
      this.#stopWhenIdle();
    } catch (error) {
      // A defect costs its own connection, never the server.
      this.#fail(error, null);
    }
  }

  /** Handles one frame; false when there is none. */
  #next(): boolean {
    if (this.#phase === "draining" || this.#phase === "closed") return false;
    const waited = this.#backlog.take();
    if (waited !== undefined) {
      this.#handle(waited);
      return true;
    }
    if (this.#backlog.isFull) return false;
    try {
      if (!this.#decoder.next()) return false;
    } catch (error) {
      if (this.#phase === "closing") this.#drain();
      else this.#fail(error, null);
      return true;
    }
    const { type, channel } = this.#decoder;
    if (type === FrameType.heartbeat) return true;
    if (this.#backlog.holds(channel)) this.#backlog.add(this.#decoder);
    else this.#handle(this.#decoder);
    return true;
  }

  #handle(frame: Frame): void {
    try {
      this.#frame(frame);
    } catch (error) {
      const { channel } = frame;
      this.#refuse(error, channel, channel === 0 ? this.#current : (this.#channels?.current ?? null));
    }
  }

  #frame(frame: Frame): void {
    const { type, channel } = frame;
    if (channel !== 0 && this.#phase === "running" && this.#channels !== null) {
      const work = this.#channels.handle(frame);
      if (work !== undefined) this.#await(work);
    } else if (channel === 0 && type === FrameType.method) {
      const { bytes, start, end } = frame;
      this.#current = null;
      this.#control(decodeMethod(bytes, start, end));
    } else if (this.#phase !== "closing") {
      throw connectionError(505, `unexpected frame of type ${type} on channel ${channel}`);
    }
  }

  #control(method: Method): void {
    this.#current = method.name;
    if (method.name === "connection.close") return this.#closedByClient();
    if (this.#phase === "closing") {
      if (method.name === "connection.close-ok") this.#drain();
    } else if (this.#phase === "handshake") {
      const done = this.#handshake?.handle(method);
      if (done !== undefined) this.#await({ done, channel: 0, method: method.name });
    } else if (method.name === "connection.update-secret") {
      // A password is not a token that runs out: there is nothing to renew.
      this.#reply({ name: "connection.update-secret-ok" });
    } else {
      throw connectionError(503, `unexpected method ${method.name}`);
    }
  }

  /** Handles nothing more of this channel until this is done; nothing at all where it is of the handshake. */
  #await({ done, channel, method }: Work): void {
    this.#backlog.begin(channel);
    const goOn = (): void => this.#goOn(channel);
    done.then(goOn, (error: unknown) => {
      this.#backlog.end(channel);
      this.#refuse(error, channel, method);
      this.#goOn(channel);
    });
  }

  #goOn(channel: number): void {
    this.#backlog.end(channel);
    if (this.#phase !== "handshake" && this.#phase !== "running") this.#release();
    if (this.#phase !== "closed") this.#read();
  }

  #tuned({ frameMax, heartbeat }: Tuned): void {
    this.#decoder.frameBytesMax = frameMax;
    this.#output.frames.frameBytesMax = frameMax;
    this.#heartbeat = new Heartbeat(heartbeat, {
      beat: () => this.#beat(),
      takeIsAlive: () => {
        const isAlive = this.#isHeard || !this.#reads.isOpen;
        this.#isHeard = false;
        return isAlive;
      },
      died: () => this.drop(`missed heartbeats from client, timeout: ${heartbeat}s`),
    });
  }

  #opened(agreement: Agreement): void {
    const { access, virtualHost, clientProperties, tuned } = agreement;
    const { counters, limits } = this.#host;
    clearTimeout(this.#timer);
    this.#agreement = agreement;
    this.#phase = "running";
    this.#publishes.opened(virtualHost, hasCapability(clientProperties, "connection.blocked"));
    const host = {
      virtualHost,
      access,
      token: this,
      output: this.#output,
      confirms: this.#publishes.confirms,
      limits,
      counters,
      knowsCancel: hasCapability(clientProperties, "consumer_cancel_notify"),
      published: () => this.#publishes.published(),
      consumes: () => this.#publishes.consumes(),
      partial: new PartialBudget(Math.max(limits.partialBytesMax, limits.messageBytesMax)),
      // Asked for amid a delivery: the engine is left first.
      fail: (error: unknown) => queueMicrotask(() => this.#fail(error, null)),
    };
    this.#channels = new Channels(host, tuned.channelMax);
    this.#reply({ name: "connection.open-ok" });
    this.#presence.opened(agreement);
  }

  /** Closes the channel, or else the connection, for what went wrong. */
  #refuse(error: unknown, channel: number, method: Method["name"] | null): void {
    const isOfChannel = isRefusal(error) && error.scope === "channel" && channel !== 0;
    if (isOfChannel && this.#phase === "running") this.#channels?.refuse(channel, error, method);
    else this.#fail(error, method);
  }

  /** Closes the connection for what went wrong. */
  #fail(error: unknown, method: Method["name"] | null): void {
    if (this.#phase !== "handshake" && this.#phase !== "running") return;
    if (error instanceof LoginRefused) return this.#refuseLogin(error);
    this.#close(isRefusal(error) ? error : this.#defect(error), method);
  }

  #refuseLogin(error: LoginRefused): void {
    this.#refusedUser = error.user;
    if (error.isTold) return this.#close(connectionError(403, error.message), null);
    this.#reason = error.message;
    this.#drain();
  }

  #defect(error: unknown): Refusal {
    notify(this.#host.onEvent, { type: "server.defect", level: "error", error });
    return connectionError(541, "an error inside the server");
  }

  #close(refusal: Refusal, method: Method["name"] | null): void {
    this.#phase = "closing";
    this.#backlog.clear();
    const args = closeArguments(refusal, method);
    this.#reason ??= args.replyText;
    this.#release();
    this.#reply({ name: "connection.close", ...args });
    this.#output.flush();
    this.#dropLater();
    this.#reads.releaseAll();
  }

  #closedByClient(): void {
    this.#reason ??= "";
    this.#release();
    this.#reply({ name: "connection.close-ok" });
    this.#drain();
  }

  /** Ends the connection behind what was written. */
  #drain(): void {
    this.#phase = "draining";
    this.#output.flush();
    this.#socket.end();
    this.#dropLater();
    this.#reads.releaseAll();
  }

  #dropLater(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#socket.destroy(), this.#host.limits.closeTimeoutMs);
  }

  #stopWhenIdle(): void {
    if (!this.#isStopping || this.#phase !== "running" || !this.#backlog.isEmpty) return;
    if (!this.#publishes.confirms.isEmpty) return;
    this.#close(connectionError(320, "broker forced connection closure with reason 'shutdown'"), null);
  }

  /** Gives the engine back what it lent; not before it has answered. */
  #release(): void {
    if (this.#isReleased || this.#backlog.isBusy) return;
    this.#isReleased = true;
    this.#heartbeat?.stop();
    this.#presence.leave();
    if (this.#agreement === null) return;
    try {
      this.#channels?.close();
      this.#publishes.flush();
      this.#host.engine.connectionClosed(this);
    } catch (error) {
      this.#defect(error);
    }
  }

  #closed(): void {
    this.#phase = "closed";
    clearTimeout(this.#timer);
    this.#heartbeat?.stop();
    this.#publishes.close();
    this.#release();
    const reason = this.#reason ?? "client unexpectedly closed TCP connection";
    const user = this.#refusedUser ?? this.#handshake?.user ?? null;
    this.#presence.ended(reason, user, reason === "" || this.#isStopping);
    this.#onClosed();
  }

  #reply(method: Method): void {
    this.#output.frames.method(0, method);
    this.#output.soon();
  }

  #beat(): void {
    if (!this.#output.takeHasSent()) {
      this.#output.frames.heartbeat();
      this.#output.soon();
    }
  }

  #drained(): void {
    this.#channels?.release();
    this.#reads.release(ReadHold.output);
    // What is left of the last chunk.
    this.#read();
  }
}
