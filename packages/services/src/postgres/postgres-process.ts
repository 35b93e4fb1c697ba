import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { folderOfUser } from "../process/folder-of-user.ts";
import { initializePostgres } from "./initialize-postgres.ts";
import { give, postgresBinaries, type PostgresBinaries } from "./postgres-binaries.ts";
import { postgresUser, type PostgresUser } from "./postgres-user.ts";
import type { StopMode, SupervisorStart } from "./supervisor-protocol.ts";

const readyDeadlineMs = 60_000;
const stopDeadlineMs = 5_000;
const logLinesMax = 60;

/** One PostgreSQL server with data of its own in a temporary folder: a child of the process that makes it. */
export class PostgresProcess {
  readonly folder: string;
  readonly #user: PostgresUser | undefined;
  readonly #binaries: PostgresBinaries;
  readonly #start: SupervisorStart;
  #child: ChildProcess | undefined;

  constructor(start: SupervisorStart) {
    this.#start = start;
    this.#user = postgresUser();
    this.folder = makeFolder(this.#user);
    try {
      this.#binaries = postgresBinaries(this.#user, this.folder);
      if (start.from) this.#copy(start.from);
      else initializePostgres(this.#binaries, this.#user, this.folder, start.password);
      if (start.tls) this.#certify(start.tls);
    } catch (error) {
      this.removeFolder();
      throw error;
    }
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  /** Starts the server and waits until it takes connections. */
  async start(): Promise<void> {
    const settings = Object.entries(this.#start.settings).flatMap(([name, value]) => [
      "-c",
      `${name}=${value}`,
    ]);
    const args = ["-D", join(this.folder, "data"), "-p", String(this.#start.port), ...settings];
    const child = spawn(this.#binaries.postgres, args, {
      ...this.#user,
      cwd: this.folder,
      env: { ...process.env, LC_ALL: "C", TZ: "UTC" },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    await untilReady(child);
  }

  /** Stops the server; SIGKILL if it does not obey in time. */
  async stop(mode: StopMode): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    const deadline = new AbortController();
    const kill = delay(stopDeadlineMs, undefined, { signal: deadline.signal }).then(
      () => child.kill("SIGKILL"),
      () => undefined,
    );
    await exited;
    deadline.abort();
    await kill;
  }

  removeFolder(): void {
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }

  #copy({ folder, standby }: NonNullable<SupervisorStart["from"]>): void {
    const data = join(this.folder, "data");
    cpSync(folder, data, { recursive: true });
    if (standby) writeFileSync(join(data, "standby.signal"), "");
    if (this.#user) give(data, this.#user);
    chmodSync(data, 0o700);
  }

  /** Under the names that PostgreSQL looks for; it takes only a key that nobody else can read. */
  #certify({ cert, key }: NonNullable<SupervisorStart["tls"]>): void {
    for (const [name, content] of [
      ["server.crt", cert],
      ["server.key", key],
    ] as const) {
      const file = join(this.folder, "data", name);
      writeFileSync(file, content, { mode: 0o600 });
      if (this.#user) give(file, this.#user);
    }
  }
}

function makeFolder(user: PostgresUser | undefined): string {
  const folder = folderOfUser("waybill-postgres", user);
  mkdirSync(join(folder, "data"), { mode: 0o700 });
  if (user) chownSync(join(folder, "data"), user.uid, user.gid);
  return folder;
}

async function untilReady(child: ChildProcess): Promise<void> {
  const log: string[] = [];
  const ended = new AbortController();
  const ready = new Promise<void>((resolve, reject) => {
    const fail = (why: string): void => reject(new Error(`PostgreSQL ${why}:\n${log.join("\n")}`));
    child.once("error", (error) => fail(error.message));
    child.once("close", (code, signal) => fail(`ended at start (${signal ?? code})`));
    delay(readyDeadlineMs, undefined, { signal: ended.signal }).then(
      () => fail(`was not ready after ${readyDeadlineMs} ms`),
      () => undefined,
    );
    if (!child.stderr) return fail("has no log");
    createInterface(child.stderr).on("line", (line) => {
      log.push(line);
      if (log.length > logLinesMax) log.shift();
      if (/database system is ready to accept (read-only )?connections/.test(line)) resolve();
    });
  });
  try {
    await ready;
  } finally {
    ended.abort();
  }
}
