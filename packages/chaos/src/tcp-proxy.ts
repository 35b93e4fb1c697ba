import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { postgresMessages } from "./postgres-messages.ts";

export type Direction = "to-server" | "to-client";

/** What happens at a statement: nothing, or the connection is lost before the server gets it or after it executed it. */
export type StatementFault = "none" | "before" | "after";

export interface TcpProxy extends AsyncDisposable {
  /** The database through the proxy. */
  readonly url: string;
  readonly connections: number;
  /** Asked at every statement that begins like this (in any case), such as `commit`. The last call counts. */
  onStatement(begins: string, decide: () => StatementFault): void;
  /** Closes every connection. New ones are let through. */
  cut(): void;
  /** Resets every connection (RST). */
  reset(): void;
  /** Holds back what goes in one direction, without a sign to anybody, until the answer is called. */
  stall(direction: Direction): () => void;
  /** Delays every piece in both directions, until the answer is called. */
  slow(delayMs: number): () => void;
}

/** A proxy on loopback before a PostgreSQL server, which damages connections. */
export async function tcpProxy(postgresUrl: string): Promise<TcpProxy> {
  const target = new URL(postgresUrl);
  const links = new Set<Link>();
  const faults = new Faults();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    const link = new Link(client, upstream, faults);
    links.add(link);
    void link.carry().finally(() => links.delete(link));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(postgresUrl);
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    get connections() {
      return links.size;
    },
    onStatement(begins, decide) {
      faults.begins = begins;
      faults.decide = decide;
    },
    cut: () => links.forEach((link) => link.end()),
    reset: () => links.forEach((link) => link.reset()),
    stall: (direction) => faults.stall(direction),
    slow: (delayMs) => faults.slow(delayMs),
    async [Symbol.asyncDispose]() {
      faults.letGo();
      server.close();
      for (const link of links) link.end();
      await once(server, "close");
    },
  };
}

class Faults {
  begins = "";
  decide: () => StatementFault = () => "none";
  #delayMs = 0;
  readonly #stalls: Record<Direction, PromiseWithResolvers<void> | undefined> = {
    "to-server": undefined,
    "to-client": undefined,
  };

  stall(direction: Direction): () => void {
    const stalled = (this.#stalls[direction] ??= Promise.withResolvers<void>());
    return () => {
      if (this.#stalls[direction] === stalled) this.#stalls[direction] = undefined;
      stalled.resolve();
    };
  }

  slow(delayMs: number): () => void {
    this.#delayMs = delayMs;
    return () => (this.#delayMs = 0);
  }

  at(statement: string): StatementFault {
    const wanted = statement !== "" && statement.trimStart().toLowerCase().startsWith(this.begins);
    return wanted ? this.decide() : "none";
  }

  /** Resolves when a piece may pass. */
  async pass(direction: Direction): Promise<void> {
    if (this.#delayMs > 0) await delay(this.#delayMs);
    await this.#stalls[direction]?.promise;
  }

  letGo(): void {
    for (const stalled of Object.values(this.#stalls)) stalled?.resolve();
  }
}

/** One connection of a client and its counterpart to the server. */
class Link {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #faults: Faults;
  readonly #split = postgresMessages();
  /** The server got the statement that loses the connection: its answer is the end. */
  #endsWithAnswer = false;

  constructor(client: Socket, server: Socket, faults: Faults) {
    this.#client = client.setNoDelay();
    this.#server = server.setNoDelay();
    this.#faults = faults;
    for (const socket of [client, server]) socket.on("error", () => this.end());
  }

  async carry(): Promise<void> {
    await Promise.allSettled([this.#toServer(), this.#toClient()]);
    this.end();
  }

  end(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  async #toServer(): Promise<void> {
    for await (const chunk of this.#client) {
      await this.#faults.pass("to-server");
      for (const { bytes, statement } of this.#split(chunk as Buffer)) {
        const fault = this.#faults.at(statement);
        if (fault === "before") return this.end();
        this.#endsWithAnswer ||= fault === "after";
        this.#server.write(bytes);
      }
    }
    this.#server.end();
  }

  async #toClient(): Promise<void> {
    for await (const chunk of this.#server) {
      await this.#faults.pass("to-client");
      if (this.#endsWithAnswer) return this.end();
      this.#client.write(chunk as Buffer);
    }
    this.#client.end();
  }
}
