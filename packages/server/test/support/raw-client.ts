import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import {
  decodeMethod,
  FrameDecoder,
  FrameType,
  FrameWriter,
  HEARTBEAT,
  PROTOCOL_HEADER,
  type FieldTable,
  type Method,
  type MethodName,
} from "@waybill/amqp";
import { waitFor } from "@waybill/services";

const FRAME_BYTES = 131_072;

export interface HandshakeChoice {
  readonly user?: string;
  readonly password?: string;
  readonly mechanism?: string;
  readonly response?: Buffer;
  readonly virtualHost?: string;
  readonly capabilities?: FieldTable;
  readonly channelMax?: number;
  readonly frameMax?: number;
  readonly heartbeat?: number;
}

interface Received {
  readonly channel: number;
  readonly method: Method;
  /** The body that came with it. */
  body: Buffer;
}

/** A client that sends what it is told, sensible or not, and reads nothing but frames. */
export class RawClient {
  readonly socket: Socket;
  readonly frames: FrameWriter;
  readonly received: Received[] = [];
  /** Everything before the first frame was decoded, when the server answers with something else. */
  readonly bytes: Buffer[] = [];
  heartbeats = 0;
  isClosed = false;
  #decoder = new FrameDecoder(FRAME_BYTES * 16);
  #taken = 0;
  /** Answers are read as frames. */
  #isFramed = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    this.frames = new FrameWriter(FRAME_BYTES, (bytes) => socket.write(bytes));
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", () => {});
    socket.on("close", () => (this.isClosed = true));
  }

  static async dial(port: number): Promise<RawClient> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    onTestFinished(() => void socket.destroy());
    await once(socket, "connect");
    return new RawClient(socket);
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  send(channel: number, ...methods: Method[]): void {
    for (const method of methods) this.frames.method(channel, method);
    this.frames.flush();
  }

  publish(channel: number, routingKey: string, body: Buffer, options: PublishChoice = {}): void {
    const { exchange = "", mandatory = false, properties = Buffer.alloc(2) } = options;
    this.frames.publish(channel, { exchange, routingKey, mandatory, properties, body });
    this.frames.flush();
  }

  beat(): void {
    this.write(HEARTBEAT);
  }

  /** The next method that was not looked at. */
  async next(): Promise<Received> {
    const index = this.#taken;
    this.#taken += 1;
    return waitFor(() => this.received[index], {
      intervalMs: 2,
      deadlineMs: 8_000,
      describe: () => `method ${index + 1}; there are ${JSON.stringify(this.received)}`,
    });
  }

  /** The next method, which must be this one. */
  async expect<Name extends MethodName>(name: Name): Promise<Method<Name>> {
    const { method } = await this.next();
    if (method.name !== name) throw new Error(`${JSON.stringify(method)} where ${name} was expected`);
    return method as Method<Name>;
  }

  start(): void {
    this.#isFramed = true;
    this.write(PROTOCOL_HEADER);
  }

  async login(choice: HandshakeChoice = {}): Promise<void> {
    const { user = "guest", password = user, mechanism = "PLAIN" } = choice;
    const { response = Buffer.from(`\0${user}\0${password}`), capabilities = {} } = choice;
    this.start();
    await this.expect("connection.start");
    const clientProperties = { capabilities };
    this.send(0, { name: "connection.start-ok", clientProperties, mechanism, response, locale: "en_US" });
  }

  async handshake(choice: HandshakeChoice = {}): Promise<void> {
    const { virtualHost = "/", channelMax = 2_047, frameMax = FRAME_BYTES, heartbeat = 0 } = choice;
    await this.login(choice);
    await this.expect("connection.tune");
    this.send(
      0,
      { name: "connection.tune-ok", channelMax, frameMax, heartbeat },
      { name: "connection.open", virtualHost },
    );
    await this.expect("connection.open-ok");
  }

  async closed(): Promise<void> {
    await waitFor(() => this.isClosed, { describe: "the end of the connection", deadlineMs: 8_000 });
  }

  #read(chunk: Buffer): void {
    this.bytes.push(chunk);
    if (!this.#isFramed) return;
    this.#decoder.push(chunk);
    while (this.#decoder.next()) this.#take();
  }

  #take(): void {
    const { type, channel } = this.#decoder;
    if (type === FrameType.heartbeat) this.heartbeats += 1;
    if (type === FrameType.method) {
      const method = decodeMethod(this.#decoder.payload());
      this.received.push({ channel, method, body: Buffer.alloc(0) });
    }
    const last = this.received.at(-1);
    if (type === FrameType.body && last !== undefined)
      last.body = Buffer.concat([last.body, this.#decoder.payload()]);
  }
}

export interface PublishChoice {
  readonly exchange?: string;
  readonly mandatory?: boolean;
  readonly properties?: Buffer;
}
