import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** An address that stays the same while the server behind it changes. */
export interface TcpForwarder extends AsyncDisposable {
  /** The first server's, with this address. */
  readonly url: string;
  /** Ends every connection, and takes none until `forwardTo`. */
  cut(): void;
  /** New connections go to this server. */
  forwardTo(url: string): void;
}

export async function tcpForwarder(firstUrl: string): Promise<TcpForwarder> {
  const sockets = new Set<Socket>();
  let port: number | null = Number(new URL(firstUrl).port);
  const server = createServer((client) => {
    const upstream = port === null ? null : connect(port, "127.0.0.1");
    if (upstream === null) return void client.destroy();
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one);
      one.on("error", () => undefined);
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(firstUrl);
  url.port = String((server.address() as AddressInfo).port);
  const cut = (): void => {
    port = null;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: url.href,
    cut,
    forwardTo: (to) => void (port = Number(new URL(to).port)),
    async [Symbol.asyncDispose]() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
