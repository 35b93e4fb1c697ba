import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { connect, createServer } from "node:net";
import { onTestFinished } from "vitest";

/** An address before a server whose connections can be ended without a word, as by a kill or a pulled cable. */
export interface TcpForwarder {
  readonly url: string;
  readonly connections: number;
  /** Resolves when a client has said this: from then on nothing that the server says arrives at that client. */
  muteServerAt(said: Buffer): Promise<void>;
  /** Resets every connection; new ones are let through. */
  cut(): void;
}

/** Closed when the test ends. */
export async function tcpForwarder(serverUrl: string): Promise<TcpForwarder> {
  const target = new URL(serverUrl);
  const sockets = new Set<Socket>();
  let muting: { readonly said: Buffer; readonly done: () => void } | null = null;
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    sockets.add(client);
    client.on("close", () => sockets.delete(client));
    client.on("data", (chunk) => {
      if (muting === null || !chunk.includes(muting.said)) return;
      upstream.unpipe().pause();
      muting.done();
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on("error", () => {});
      one.on("close", () => other.resetAndDestroy());
      one.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const cut = (): void => sockets.forEach((socket) => socket.resetAndDestroy());
  onTestFinished(async () => {
    server.close();
    cut();
    await once(server, "close");
  });
  const url = new URL(serverUrl);
  url.hostname = "127.0.0.1";
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    get connections() {
      return sockets.size;
    },
    muteServerAt: (said) => new Promise<void>((done) => (muting = { said, done })),
    cut,
  };
}
