import { randomBytes } from "node:crypto";
import { freePort } from "../process/free-port.ts";
import { usualSettings } from "./usual-settings.ts";
import { SupervisorClient } from "./supervisor-client.ts";
import type { PostgresBackup } from "./postgres-backup.ts";
import type { StopMode } from "./supervisor-protocol.ts";

export interface StartPostgresOptions {
  /** Starts an own server even if `DATABASE_URL` is set, for tests that restart or crash it. Default false. */
  readonly embedded?: boolean;
  /** Flushes to disk at commit. Default true; false is faster and still survives a crash of the server alone. */
  readonly fsync?: boolean;
  /** Further server settings, such as `{ deadlock_timeout: "100ms" }`. Not for a server of `DATABASE_URL`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** An own server that speaks TLS with this certificate, PEM, to clients that want it. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Starts an own server with a copy of this backup instead of an empty one. */
  readonly from?: PostgresBackup;
  /** Follows this server, whose backup `from` is, until it is promoted. */
  readonly standbyOf?: { readonly url: string };
}

export interface PostgresServer extends AsyncDisposable {
  /** Connects to the database `postgres` (or that of `DATABASE_URL`) with the right to create databases. */
  readonly url: string;
  /** The server's own process id and folder; undefined for a server of `DATABASE_URL`. */
  readonly embedded: { readonly pid: number; readonly folder: string } | undefined;
  /** Stops the server and starts it again with the same data and port: cleanly, or as after a power cut. */
  restart(mode: StopMode): Promise<void>;
  /** Stops the server and removes its data. Can be called twice. Leaves a server of `DATABASE_URL` alone. */
  stop(): Promise<void>;
}

const attemptsMax = 5;

/**
 * A real PostgreSQL server: the one of `DATABASE_URL` if set, else one of its own from npm on a free loopback port.
 * Works as root (an existing unprivileged user runs the server) and as anybody else. The own server and its data
 * are gone after `stop`, after the end of this process, and also after its SIGKILL; it does not keep it alive.
 */
export async function startPostgres(options: StartPostgresOptions = {}): Promise<PostgresServer> {
  const url = process.env["DATABASE_URL"];
  const own = options.embedded === true || options.from !== undefined || options.tls !== undefined;
  return url !== undefined && url !== "" && !own ? existing(url) : embedded(options);
}

function existing(url: string): PostgresServer {
  return {
    url,
    embedded: undefined,
    restart: () =>
      Promise.reject(new Error("a server of DATABASE_URL is not restarted: use { embedded: true }")),
    stop: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function embedded(options: StartPostgresOptions): Promise<PostgresServer> {
  const { from, standbyOf, tls } = options;
  const password = from?.password ?? randomBytes(18).toString("hex");
  const more = {
    ...(from && { from: { folder: from.folder, standby: standbyOf !== undefined } }),
    ...(tls && { tls }),
  };
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const supervisor = new SupervisorClient();
    try {
      let ready = await supervisor.start({ port, password, settings: settingsOf(options), ...more });
      const stop = (): Promise<void> => supervisor.stop();
      return {
        url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
        get embedded() {
          return { pid: ready.postgresPid, folder: ready.folder };
        },
        async restart(mode) {
          ready = await supervisor.restart(mode);
        },
        stop,
        [Symbol.asyncDispose]: stop,
      };
    } catch (error) {
      await supervisor.stop();
      const portTaken = error instanceof Error && error.message.includes("Address already in use");
      if (!portTaken || attempt === attemptsMax) throw error;
    }
  }
}

function settingsOf(options: StartPostgresOptions): Record<string, string> {
  const fast = { fsync: "off", full_page_writes: "off" };
  return {
    ...usualSettings,
    ...(options.fsync === false ? fast : {}),
    ...(options.standbyOf ? { primary_conninfo: options.standbyOf.url } : {}),
    ...(options.tls ? { ssl: "on" } : {}),
    ...options.settings,
  };
}
