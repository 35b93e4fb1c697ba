import type { JsonLine } from "@waybill/services";
import { ServiceProcess, type OnCrash } from "./service-process.ts";
import { until } from "./until.ts";

const WORKER = new URL("../src/worker.ts", import.meta.url);

/** Short, so that a killed worker is soon replaced. A service that is seldom killed keeps the default of 5 s. */
const RELAY_LEASE_MS = 1_500;
/** For a busy machine, on which a process takes its time to start. */
const START_DEADLINE_MS = 90_000;

export interface WorkersOptions {
  readonly databaseUrl: string;
  /** Tells them which broker to use. */
  readonly brokerEnv: Readonly<Record<string, string>>;
  /** How many there are at a time. One of them publishes, and all of them take deliveries. */
  readonly count: number;
  readonly onCrash: OnCrash;
}

/** The workers, and every successor of one after a kill. */
export class Workers implements AsyncDisposable {
  readonly count: number;
  readonly #start: () => ServiceProcess;
  readonly #all: ServiceProcess[] = [];
  readonly #alive = new Set<ServiceProcess>();

  constructor({ databaseUrl, brokerEnv, count, onCrash }: WorkersOptions) {
    const env = {
      ...brokerEnv,
      DATABASE_URL: databaseUrl,
      RELAY_LEASE_MS: String(RELAY_LEASE_MS),
      LOG_LEVEL: "debug",
    };
    this.count = count;
    this.#start = () => new ServiceProcess("the worker", WORKER, env, onCrash);
    for (let worker = 0; worker < count; worker += 1) this.add();
  }

  /** Starts one more. */
  add(): void {
    const worker = this.#start();
    this.#all.push(worker);
    this.#alive.add(worker);
  }

  /** Resolves when all of them take deliveries. */
  async ready(): Promise<void> {
    await Promise.all(Array.from(this.#alive, ({ child }) => child.ready(START_DEADLINE_MS)));
  }

  /** Resolves when one of those that live publishes, and none that was killed can any more. */
  async leads(signal: AbortSignal): Promise<void> {
    const livingLead = (): boolean => {
      const leader = this.#leader();
      return leader !== undefined && this.#alive.has(leader);
    };
    await until(signal, livingLead, { deadlineMs: START_DEADLINE_MS, describe: "a worker to publish" });
  }

  /** Ends the one that publishes by SIGKILL, as the kernel or a power cut would. Resolves when it is gone. */
  async killLeader(): Promise<void> {
    const leader = this.#leader();
    if (leader === undefined) throw new Error("no worker has published yet");
    this.#alive.delete(leader);
    await leader[Symbol.asyncDispose]();
  }

  async stop(): Promise<void> {
    await Promise.all(Array.from(this.#alive, (worker) => worker.stop()));
  }

  /** The events that all of them reported. */
  events(): JsonLine[] {
    return this.#all.flatMap(({ child }) => child.lines);
  }

  /** Messages that the broker has confirmed to them, those that were published again included. */
  published(): number {
    return this.events().reduce((sum, event) => sum + publishedBy(event), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((worker) => worker[Symbol.asyncDispose]()));
  }

  /** Whoever took the lease last: each taking has a higher epoch. */
  #leader(): ServiceProcess | undefined {
    const terms = this.#all.map((worker) => ({ worker, epoch: epochOf(worker) }));
    return terms.filter(({ epoch }) => epoch > 0).sort((one, other) => other.epoch - one.epoch)[0]?.worker;
  }
}

function epochOf({ child }: ServiceProcess): number {
  const { epoch } = child.lines.findLast(({ type }) => type === "relay.leading") ?? {};
  return typeof epoch === "number" ? epoch : 0;
}

function publishedBy({ type, count }: JsonLine): number {
  return type === "relay.published" && typeof count === "number" ? count : 0;
}
