import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { postgresUser, type PostgresUser } from "../postgres/postgres-user.ts";
import { atProcessEnd } from "../process/at-process-end.ts";
import { folderOfUser } from "../process/folder-of-user.ts";
import { freePort } from "../process/free-port.ts";
import { waitFor } from "../process/wait-for.ts";
import { pgBouncerBinary, type PgBouncerBinary } from "./pgbouncer-binary.ts";
import { pgBouncerFiles } from "./pgbouncer-files.ts";

export interface StartPgBouncerOptions {
  /** A database with user and password; the pooler takes connections of the same user. */
  readonly postgresUrl: string;
  /** Sessions on the server for each user and database. Default 4. */
  readonly poolSize?: number;
  /** Keep track of prepared statements, where this version can. Default true. */
  readonly trackPrepared?: boolean;
}

export interface PgBouncer extends AsyncDisposable {
  /** The same database through the pooler. */
  readonly url: string;
  readonly version: string;
  /** Whether statements that are prepared by name work. */
  readonly tracksPrepared: boolean;
  readonly pid: number;
  readonly folder: string;
  /** The last 500 lines of its log. */
  readonly log: readonly string[];
  /** Ends it with all its connections and removes its files. Can be called twice. */
  stop(): Promise<void>;
}

const attemptsMax = 5;
const logLinesMax = 500;

/** Ends PgBouncer and removes its files when the pipe closes, so that it does not outlive whoever started it. */
const untilInputEnds = `"$0" "$1/pgbouncer.ini" & echo "pid $!"; cat >/dev/null; kill -KILL $!; wait; rm -rf "$1"`;

/**
 * A real PgBouncer in transaction mode before `postgresUrl`, on a free loopback port: every transaction may get another
 * session, and mostly does. Runs as an unprivileged user when this process is root.
 */
export async function startPgBouncer(options: StartPgBouncerOptions): Promise<PgBouncer> {
  const binary = pgBouncerBinary();
  if (typeof binary === "string") throw new Error(binary);
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const started = launch(binary, port, options);
    try {
      await waitFor(() => started.isUp() || started.hasEnded(), {
        describe: () => `PgBouncer\n${started.log.join("\n")}`,
      });
      if (started.hasEnded()) throw new Error(`PgBouncer ended at start:\n${started.log.join("\n")}`);
      return asPgBouncer(binary, port, options, started);
    } catch (error) {
      await started.stop();
      const portTaken = error instanceof Error && /address already in use/i.test(error.message);
      if (!portTaken || attempt === attemptsMax) throw error;
    }
  }
}

interface Launched {
  readonly folder: string;
  readonly log: string[];
  readonly isUp: () => boolean;
  readonly hasEnded: () => boolean;
  readonly pid: () => number;
  readonly stop: () => Promise<void>;
}

function launch(binary: PgBouncerBinary, port: number, options: StartPgBouncerOptions): Launched {
  const user = postgresUser();
  const folder = folderOfUser("waybill-pgbouncer", user);
  for (const [name, text] of Object.entries(pgBouncerFiles({ ...options, binary, port, folder }))) {
    writeFile(join(folder, name), text, user);
  }
  const child = spawn("/bin/sh", ["-c", untilInputEnds, binary.path, folder], {
    ...user,
    cwd: folder,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const withdraw = atProcessEnd(() => rmSync(folder, { recursive: true, force: true }));
  const log: string[] = [];
  let pid = -1;
  let ended = false;
  const closed = once(child, "close").then(
    () => (ended = true),
    () => (ended = true),
  );
  child.stdin?.on("error", () => undefined);
  eachLine(child.stdout, (line) => (pid = Number(/^pid (\d+)$/.exec(line)?.[1] ?? pid)));
  eachLine(child.stderr, (line) => {
    log.push(line);
    if (log.length > logLinesMax) log.shift();
  });
  return {
    folder,
    log,
    isUp: () => log.some((line) => line.includes("process up")),
    hasEnded: () => ended || log.some((line) => line.includes(" FATAL ")),
    pid: () => pid,
    async stop() {
      child.stdin?.end();
      await closed;
      rmSync(folder, { recursive: true, force: true });
      withdraw();
    },
  };
}

function asPgBouncer(
  binary: PgBouncerBinary,
  port: number,
  options: StartPgBouncerOptions,
  started: Launched,
): PgBouncer {
  const url = new URL(options.postgresUrl);
  url.hostname = "127.0.0.1";
  url.port = String(port);
  return {
    url: url.href,
    version: binary.version,
    tracksPrepared: binary.tracksPrepared && options.trackPrepared !== false,
    pid: started.pid(),
    folder: started.folder,
    log: started.log,
    stop: started.stop,
    [Symbol.asyncDispose]: started.stop,
  };
}

function writeFile(path: string, text: string, user: PostgresUser | undefined): void {
  writeFileSync(path, text, { mode: 0o600 });
  if (user) chownSync(path, user.uid, user.gid);
}

function eachLine(stream: ChildProcess["stdout"], take: (line: string) => void): void {
  if (stream !== null) createInterface(stream).on("line", take);
}
