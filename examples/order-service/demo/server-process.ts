import { spawnTs, type JsonLine, type ProcessExit, type TsProcess } from "@waybill/services";

const SERVER = new URL("../src/server.ts", import.meta.url);
const WORKER = new URL("../src/worker.ts", import.meta.url);

/** Short, so that a killed worker is soon replaced. A service that is seldom killed keeps the default of 5 s. */
const RELAY_LEASE_MS = 1_500;
const STOP_DEADLINE_MS = 15_000;

/** Told when a process ends that nobody asked to end. */
export type OnCrash = (error: Error) => void;

/** Starts the HTTP service on a free port. */
export async function startServer(databaseUrl: string, onCrash: OnCrash): Promise<ServerProcess> {
  const service = new ServiceProcess(
    "the HTTP service",
    SERVER,
    { DATABASE_URL: databaseUrl, PORT: "0" },
    onCrash,
  );
  try {
    const { address } = await service.child.ready();
    return {
      address: String(address),
      stop: () => service.stop(),
      [Symbol.asyncDispose]: () => service[Symbol.asyncDispose](),
    };
  } catch (error) {
    await service[Symbol.asyncDispose]();
    throw error;
  }
}

export interface ServerProcess extends AsyncDisposable {
  /** Such as `http://127.0.0.1:3000`. */
  readonly address: string;
  stop(): Promise<void>;
}

/** The worker, and every successor of it after a kill. */
export class WorkerProcess implements AsyncDisposable {
  readonly brokerDataDir: string;
  readonly #start: () => ServiceProcess;
  readonly #all: ServiceProcess[];
  #current: ServiceProcess;

  constructor(databaseUrl: string, brokerDataDir: string, onCrash: OnCrash) {
    const env = {
      DATABASE_URL: databaseUrl,
      BROKER_DATA_DIR: brokerDataDir,
      RELAY_LEASE_MS: String(RELAY_LEASE_MS),
      LOG_LEVEL: "debug",
    };
    this.brokerDataDir = brokerDataDir;
    this.#start = () => new ServiceProcess("the worker", WORKER, env, onCrash);
    this.#current = this.#start();
    this.#all = [this.#current];
  }

  /** Resolves when it takes deliveries and publishes. */
  async leads(): Promise<void> {
    const { child } = this.#current;
    await child.ready();
    await child.line(({ type }) => type === "relay.leading");
  }

  /** Ends it by SIGKILL, as the kernel or a power cut would. Resolves when it is gone. */
  kill(): Promise<void> {
    return this.#current[Symbol.asyncDispose]();
  }

  /** Starts a new one in its place. */
  restart(): void {
    this.#current = this.#start();
    this.#all.push(this.#current);
  }

  stop(): Promise<void> {
    return this.#current.stop();
  }

  /** The events that all of them reported. */
  events(): JsonLine[] {
    return this.#all.flatMap(({ child }) => child.lines);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** One operating system process, and whether its end is wanted. */
class ServiceProcess implements AsyncDisposable {
  readonly child: TsProcess;
  readonly #name: string;
  #wanted = false;

  constructor(name: string, file: URL, env: Readonly<Record<string, string>>, onCrash: OnCrash) {
    this.#name = name;
    this.child = spawnTs(file, [], { env });
    void this.child.exited.then((exit) => {
      if (!this.#wanted) onCrash(this.#ended(exit));
    });
  }

  /** Asks it to end, and insists that it ends well: what it has in work is finished then. */
  async stop(): Promise<void> {
    this.#wanted = true;
    this.child.kill("SIGTERM");
    AbortSignal.timeout(STOP_DEADLINE_MS).addEventListener("abort", () => this.child.kill("SIGKILL"));
    const exit = await this.child.exited;
    if (exit.code !== 0) throw this.#ended(exit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wanted = true;
    await this.child[Symbol.asyncDispose]();
  }

  #ended({ code, signal }: ProcessExit): Error {
    return new Error(`${this.#name} ended (${signal ?? code}):\n${this.child.output.join("\n")}`);
  }
}
