import { startRabbitmq, type RabbitmqServer, type StartRabbitmqOptions } from "@waybill/services";
import { tcpForwarder, type TcpForwarder } from "../tcp-forwarder.ts";

/** One of two independent brokers, and the line on which the other one reaches it. */
export interface Site extends AsyncDisposable {
  readonly server: RabbitmqServer;
  readonly line: TcpForwarder;
  /** What the files under `docs/deploy` have as this site's address. */
  readonly place: string;
}

/** A broker that is reached by the other site over a line which can be cut. */
export async function openSite(files: StartRabbitmqOptions): Promise<Site> {
  const server = await startRabbitmq(files);
  const line = await tcpForwarder(server.url);
  return {
    server,
    line,
    place: `guest:guest@${new URL(line.url).host}`,
    async [Symbol.asyncDispose]() {
      await line[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}
