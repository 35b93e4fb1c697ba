import { connect, type ChannelModel } from "amqplib";
import { onTestFinished } from "vitest";
import { openQueueEngine, type QueueEngine, type QueueEngineOptions } from "@waybill/broker/queues";
import type { ListenOn, RunningServer, ServerEvent, ServerLimits } from "@waybill/server";
import { startServer } from "@waybill/server";
import { testFolder } from "@waybill/services/vitest";
import type { Access, Authenticator, Permission } from "../../src/users/access.ts";
import { RawClient, type HandshakeChoice } from "./raw-client.ts";

export interface BedOptions {
  readonly limits?: ServerLimits;
  readonly engine?: Omit<QueueEngineOptions, "dataDir">;
  readonly listen?: Omit<ListenOn, "host" | "port">;
  /** What the user `ann` may do; `guest` may everything. */
  readonly annMay?: (permission: Permission, name: string) => boolean;
  readonly authenticator?: Authenticator;
  /** Stands between the server and the engine. */
  readonly wrap?: (engine: QueueEngine) => QueueEngine;
}

export interface ServerBed {
  readonly engine: QueueEngine;
  readonly server: RunningServer;
  readonly port: number;
  readonly url: string;
  readonly events: ServerEvent[];
  /** An amqplib connection, closed when the test ends. */
  readonly connect: (path?: string, user?: string) => Promise<ChannelModel>;
  /** Bare frames, on an open connection with channel 1. */
  readonly open: (choice?: HandshakeChoice) => Promise<RawClient>;
  /** Bare bytes: nothing was sent yet. */
  readonly dial: () => Promise<RawClient>;
}

/** A server over an engine of its own, with the virtual hosts `/` and `other`. Both go with the test. */
export async function startBed(options: BedOptions = {}): Promise<ServerBed> {
  const opened = await openQueueEngine({ ...options.engine, dataDir: testFolder() });
  onTestFinished(() => opened.close());
  await opened.createVirtualHost("/");
  await opened.createVirtualHost("other");
  const engine = options.wrap?.(opened) ?? opened;
  const events: ServerEvent[] = [];
  const server = await startServer({
    engine,
    authenticator: options.authenticator ?? twoUsers(options.annMay ?? (() => true)),
    listen: [{ host: "127.0.0.1", port: 0, ...options.listen }],
    onEvent: (event) => void events.push(event),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
  });
  onTestFinished(() => server.close({ deadlineMs: 1_000 }));
  const port = server.addresses[0]?.port ?? 0;
  const dial = () => RawClient.dial(port);
  return {
    engine,
    server,
    port,
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    events,
    dial,
    async connect(path = "", user = "guest") {
      const model = await connect(`amqp://${user}:${user}@127.0.0.1:${port}${path}`);
      model.on("error", () => {});
      onTestFinished(() => model.close().catch(() => {}));
      return model;
    },
    async open(choice) {
      const client = await dial();
      await client.handshake(choice);
      client.send(1, { name: "channel.open" });
      await client.expect("channel.open-ok");
      return client;
    },
  };
}

/** `guest` may everything, `ann` what is said and only in `/`; the password is the name. */
function twoUsers(annMay: (permission: Permission, name: string) => boolean): Authenticator {
  const users: Record<string, Access | undefined> = {
    guest: { user: "guest", mayEnter: () => true, may: () => true },
    ann: {
      user: "ann",
      mayEnter: (virtualHost) => virtualHost === "/",
      may: (permission, _virtualHost, name) => annMay(permission, name),
    },
  };
  return {
    authenticate: (user, password) => Promise.resolve((user === password ? users[user] : null) ?? null),
  };
}
