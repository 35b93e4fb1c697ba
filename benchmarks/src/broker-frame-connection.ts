import { once } from "node:events";
import { connect, type Socket } from "node:net";
import {
  decodeMethod,
  FrameDecoder,
  FrameType,
  FrameWriter,
  PROTOCOL_HEADER,
  type Method,
  type MethodName,
} from "@waybill/amqp";

const FRAME_BYTES_MAX = 131_072;
const CHANNEL = 1;

export interface FrameHandlers {
  /** Methods that nobody waits for: deliveries and confirms. */
  onMethod(method: Method): void;
  onBody(bytes: Buffer): void;
  /** Everything that came with one chunk was handled. */
  onChunkEnd(): void;
}

/** As little of a client as a measurement needs: one channel, no heartbeat, no recovery; any error ends the process. */
export class FrameConnection {
  readonly writer: FrameWriter;
  readonly #socket: Socket;
  readonly #decoder = new FrameDecoder(FRAME_BYTES_MAX);
  readonly #handlers: FrameHandlers;
  #awaited: { readonly names: readonly MethodName[]; resolve(method: Method): void } | null = null;

  private constructor(socket: Socket, handlers: FrameHandlers) {
    this.#socket = socket;
    this.#handlers = handlers;
    this.writer = new FrameWriter(FRAME_BYTES_MAX, (bytes, sent) => void socket.write(bytes, sent));
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => {
      throw error;
    });
  }

  static async open(url: string, handlers: FrameHandlers): Promise<FrameConnection> {
    const { hostname, port, username, password, pathname } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, "connect");
    const connection = new FrameConnection(socket, handlers);
    socket.write(PROTOCOL_HEADER);
    await connection.#expect(["connection.start"]);
    const response = Buffer.from(`\0${decodeURIComponent(username)}\0${decodeURIComponent(password)}`);
    const tune = await connection.#call(
      0,
      { name: "connection.start-ok", clientProperties: {}, mechanism: "PLAIN", response, locale: "en_US" },
      "connection.tune",
    );
    connection.#send(0, { ...tune, name: "connection.tune-ok", frameMax: FRAME_BYTES_MAX, heartbeat: 0 });
    const virtualHost = pathname.length > 1 ? decodeURIComponent(pathname.slice(1)) : "/";
    await connection.#call(0, { name: "connection.open", virtualHost }, "connection.open-ok");
    await connection.call({ name: "channel.open" }, "channel.open-ok");
    return connection;
  }

  /** Sends a method and waits for its answer. */
  call<Name extends MethodName>(method: Method, answer: Name): Promise<Method<Name>> {
    return this.#call(CHANNEL, method, answer);
  }

  async close(): Promise<void> {
    const close = {
      name: "connection.close",
      replyCode: 200,
      replyText: "",
      classId: 0,
      methodId: 0,
    } as const;
    await this.#call(0, close, "connection.close-ok");
    this.#socket.end();
  }

  async #call<Name extends MethodName>(channel: number, method: Method, answer: Name): Promise<Method<Name>> {
    const answered = this.#expect([answer]);
    this.#send(channel, method);
    return (await answered) as Method<Name>;
  }

  #expect(names: readonly MethodName[]): Promise<Method> {
    return new Promise((resolve) => (this.#awaited = { names, resolve }));
  }

  #send(channel: number, method: Method): void {
    this.writer.method(channel, method);
    this.writer.flush();
  }

  #read(chunk: Buffer): void {
    const decoder = this.#decoder;
    decoder.push(chunk);
    while (decoder.next()) {
      if (decoder.type === FrameType.body) this.#handlers.onBody(decoder.payload());
      else if (decoder.type === FrameType.method)
        this.#take(decodeMethod(decoder.bytes, decoder.start, decoder.end));
    }
    this.#handlers.onChunkEnd();
  }

  #take(method: Method): void {
    const awaited = this.#awaited;
    if (awaited?.names.includes(method.name) === true) {
      this.#awaited = null;
      awaited.resolve(method);
    } else if (method.name === "channel.close" || method.name === "connection.close") {
      throw new Error(`${method.replyCode} ${method.replyText}`);
    } else this.#handlers.onMethod(method);
  }
}
