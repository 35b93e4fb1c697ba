import { spawnTs, type JsonLine, type TsProcess } from "@waybill/services";

const SERVER = new URL("../src/server.ts", import.meta.url);
const WORKER = new URL("../src/worker.ts", import.meta.url);

/** Short, so that a killed worker is soon replaced. A service that is seldom killed keeps the default of 5 s. */
const RELAY_LEASE_MS = 1_500;
const STOP_DEADLINE_MS = 15_000;

/** Starts the HTTP service on a free port. Answers with its address. */
export async function startServer(databaseUrl: string): Promise<ServerProcess> {
  const child = spawnTs(SERVER, [], { env: { DATABASE_URL: databaseUrl, PORT: "0" } });
  try {
    const { address } = await child.ready();
    return new ServerProcess(child, String(address));
  } catch (error) {
    await child[Symbol.asyncDispose]();
    throw error;
  }
}

export class ServerProcess implements AsyncDisposable {
  readonly address: string;
  readonly #child: TsProcess;

  constructor(child: TsProcess, address: string) {
    this.#child = child;
    this.address = address;
  }

  stop(): Promise<void> {
    return stopped(this.#child, "the HTTP service");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

/** The worker, and every successor of it after a kill. */
export class WorkerProcess implements AsyncDisposable {
  readonly brokerDataDir: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #ended: TsProcess[] = [];
  #child: TsProcess;

  constructor(databaseUrl: string, brokerDataDir: string) {
    this.brokerDataDir = brokerDataDir;
    this.#env = {
      DATABASE_URL: databaseUrl,
      BROKER_DATA_DIR: brokerDataDir,
      RELAY_LEASE_MS: String(RELAY_LEASE_MS),
      LOG_LEVEL: "debug",
    };
    this.#child = this.#spawn();
  }

  /** Resolves when it takes deliveries and publishes. */
  async leads(): Promise<void> {
    await this.#child.ready();
    await this.#child.line(({ type }) => type === "relay.leading");
  }

  /** Ends it by SIGKILL, as the kernel or a power cut would. Resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.#ended.push(this.#child);
  }

  /** Starts a new one in its place. */
  restart(): void {
    this.#child = this.#spawn();
  }

  stop(): Promise<void> {
    return stopped(this.#child, "the worker");
  }

  /** The events that all of them reported. */
  events(): JsonLine[] {
    return [...new Set([...this.#ended, this.#child])].flatMap(({ lines }) => lines);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }

  #spawn(): TsProcess {
    return spawnTs(WORKER, [], { env: this.#env });
  }
}

/** Asks a process to end, and insists that it ends well: what it has in work is finished then. */
async function stopped(child: TsProcess, name: string): Promise<void> {
  child.kill("SIGTERM");
  const late = AbortSignal.timeout(STOP_DEADLINE_MS);
  late.addEventListener("abort", () => child.kill("SIGKILL"));
  const { code, signal } = await child.exited;
  if (code !== 0)
    throw new Error(`${name} did not stop well (${signal ?? code}):\n${child.output.join("\n")}`);
}
