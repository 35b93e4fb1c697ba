import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";
import { temporaryFolder } from "../process/temporary-folder.ts";
import { startSharedKafka, startSharedRabbitmq, type SharedServer } from "./start-shared.ts";

export interface SharedServers extends AsyncDisposable {
  /** Where test files ask for a server, by HTTP: `GET /rabbitmq`. */
  readonly socketPath: string;
}

const starters: Readonly<Record<string, () => Promise<SharedServer>>> = {
  rabbitmq: startSharedRabbitmq,
  kafka: startSharedKafka,
};

/**
 * Owns the brokers that the test files of a run share: the first file that asks for one starts it, the others get the
 * same, and all end with this.
 */
export async function ownSharedServers(): Promise<SharedServers> {
  const folder = temporaryFolder("waybill-shared");
  const started = new Map<string, Promise<SharedServer>>();
  const server = createServer((request, response) => {
    const name = request.url?.slice(1) ?? "";
    const starter = starters[name];
    if (!starter) return answer(response, 404, `no shared server is called ${name}`);
    const starting = started.get(name) ?? starter();
    started.set(name, starting);
    starting.then(
      ({ facts }) => answer(response, 200, JSON.stringify(facts)),
      (error: unknown) => answer(response, 500, error instanceof Error ? error.message : String(error)),
    );
  });
  const socketPath = join(folder.path, "socket");
  server.listen(socketPath);
  await once(server, "listening");
  server.unref();
  return {
    socketPath,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      const servers = await Promise.allSettled(started.values());
      for (const result of servers) if (result.status === "fulfilled") await result.value.end();
      await folder.remove();
    },
  };
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status).end(text);
}
