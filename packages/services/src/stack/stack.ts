import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { killMarked, whyNoMarkedProcesses } from "../process/marked-processes.ts";
import { withLockFile } from "../process/with-lock-file.ts";
import { composePorts, describeService, serviceOf } from "./describe-stack.ts";
import { serviceNames, type PartStatus, type Service, type ServiceName } from "./service.ts";
import { readState, writeState, type StackState } from "./stack-state.ts";

/** PostgreSQL, RabbitMQ and Kafka for development: single servers, or clusters. */
export interface Stack {
  readonly folder: string;
  /** Starts what is down. Tells of each step; rejects at the end if a service did not start, and keeps the others. */
  up(): Promise<void>;
  /** Leaves no process. The data stays for the next `up`. */
  down(): Promise<void>;
  /** Of the services that were started; none if there never was an `up`. */
  status(): Promise<readonly { readonly service: Service; readonly parts: readonly PartStatus[] }[]>;
}

const lockDeadlineMs = 600_000;

export interface OpenStackOptions {
  /** Below it are the single servers in one folder and the clusters in another. */
  readonly base: string;
  readonly cluster: boolean;
  /** Not by Docker Compose, also where that can be. */
  readonly native: boolean;
  /** Takes lines that tell what is happening. */
  readonly tell: (line: string) => void;
}

export function openStack({ base, cluster, native, tell }: OpenStackOptions): Stack {
  const folder = join(base, cluster ? "cluster" : "single");
  const locked = <T>(work: () => Promise<T>): Promise<T> => {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    return withLockFile(join(folder, "lock"), lockDeadlineMs, work);
  };
  return {
    folder,
    up: () => locked(() => up({ folder, cluster, native: native || cluster, tell })),
    down: () => locked(() => down(folder, tell)),
    status: () =>
      Promise.all(
        services(readState(folder)).map(async (service) => ({ service, parts: await service.status() })),
      ),
  };
}

interface UpOptions extends Pick<OpenStackOptions, "cluster" | "native" | "tell"> {
  readonly folder: string;
}

async function up({ folder, cluster, native, tell }: UpOptions): Promise<void> {
  let state = readState(folder);
  const compose = composePorts(state, native);
  const failures: string[] = [];
  const one = async (name: ServiceName): Promise<void> => {
    const from = performance.now();
    try {
      const described = await describeService(name, state, { folder, cluster }, compose);
      state = { ...state, ...described }; // The others do the same meanwhile.
      writeState(folder, state);
      const service = serviceOf(name, state);
      if (service && (await isUp(service))) return tell(`${name}: ${service.how}, is up`);
      tell(`${name}: ${service?.how}, starting`);
      await service?.up();
      tell(`${name}: up after ${((performance.now() - from) / 1000).toFixed(1)} s`);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      tell(`${name}: not started: ${message}`);
      failures.push(name);
    }
  };
  await Promise.all(serviceNames.map(one));
  if (failures.length > 0) throw new Error(`${failures.join(", ")}: not started, see above`);
}

async function down(folder: string, tell: (line: string) => void): Promise<void> {
  await Promise.all(
    services(readState(folder)).map(async (service) => {
      await service.down();
      tell(`${service.name}: ${service.how}, ${service.how.startsWith("set by") ? "left alone" : "down"}`);
    }),
  );
  // Also what a broken state file tells nothing of.
  if (whyNoMarkedProcesses() === undefined) await killMarked(folder);
}

async function isUp(service: Service): Promise<boolean> {
  return (await service.status()).every((part) => part.isUp);
}

function services(state: StackState): Service[] {
  return serviceNames.map((name) => serviceOf(name, state)).filter((service) => service !== undefined);
}
