import { afterAll, beforeAll } from "vitest";
import { openQueueEngine, type QueueEngine } from "@waybill/broker/queues";
import { startServer, type RunningServer } from "@waybill/server";
import { temporaryFolder } from "@waybill/services";

export interface TestWaybill {
  /** Can be read inside hooks and tests of the file. */
  readonly url: string;
  /** Stops the server and opens its data again, on the same port. */
  restart(): Promise<void>;
}

/** A server inside the test's process, for all tests of a file. The password is `guest`. */
export function testWaybill(): TestWaybill {
  const folder = temporaryFolder("waybill-server");
  let running: { readonly engine: QueueEngine; readonly server: RunningServer } | undefined;
  let port = 0;
  const start = async (): Promise<void> => {
    const engine = await openQueueEngine({ dataDir: folder.path });
    await engine.createVirtualHost("/");
    const access = { user: "guest", mayEnter: () => true, may: () => true };
    const authenticator = {
      authenticate: (_user: string, password: string) =>
        Promise.resolve(password === "guest" ? access : null),
    };
    const server = await startServer({ engine, authenticator, listen: [{ host: "127.0.0.1", port }] });
    port = server.addresses[0]?.port ?? 0;
    running = { engine, server };
  };
  const stop = async (): Promise<void> => {
    await running?.server.close({ deadlineMs: 2_000 });
    await running?.engine.close();
    running = undefined;
  };
  beforeAll(start);
  afterAll(async () => {
    await stop();
    await folder.remove();
  });
  return {
    get url() {
      return `amqp://guest:guest@127.0.0.1:${port}`;
    },
    async restart() {
      await stop();
      await start();
    },
  };
}
