import { randomUUID } from "node:crypto";
import { spawnTs, startRabbitmq, temporaryFolder, type RabbitmqServer } from "@waybill/services";
import type { Load } from "./broker-load.ts";
import { runLoad, type Run } from "./broker-run.ts";
import { median, medianRatio, type Effort, type Figures } from "./report.ts";

const WINDOW = 1_024;
/** What one measurement sends for each of its seconds: about what each of them does. */
const PER_SECOND = { embedded: 150_000, waybill: 80_000, classic: 12_000, quorum: 25_000 } as const;
const AMQPLIB_PER_SECOND = { waybill: 25_000, classic: 10_000, quorum: 15_000 } as const;
const SINGLES_PER_SECOND = 300;
const HALF = 0.5;
/** As docs/broker.md and the recipes in docs/deploy start the broker. */
const SERVER_NODE_OPTIONS = "--max-semi-space-size=16";

type Target = "waybill" | "classic" | "quorum";
/** Of the fields of the JSON line. */
const SUFFIXES: Readonly<Record<Target, string>> = { waybill: "", classic: "Classic", quorum: "Quorum" };
const TARGETS: readonly Target[] = ["waybill", "classic", "quorum"];

type Row =
  | "embedded"
  | Target
  | `amqplib ${Target}`
  | `${Target} delivery p50 ms, window 1`
  | `${Target} confirm p50 ms, window 1`
  | `${Target} µs of the server`
  | "p99 ms at half load";

/**
 * Waybill's AMQP server and RabbitMQ under the same load, by the same client: 1 KB, persistent, confirmed, consumed and
 * acknowledged at the same time by another process. And the broker inside a process.
 */
export async function broker({ rounds, seconds }: Effort): Promise<Figures> {
  await using rabbitmq = await startRabbitmq();
  await using folder = temporaryFolder("waybill-bench");
  await using waybill = await startWaybill(folder.path);
  const servers: Servers = { rabbitmq, waybill };
  const figures = new Map<Row, number[]>();
  const note = (row: Row, value: number): void => void figures.set(row, [...(figures.get(row) ?? []), value]);

  for (const target of TARGETS) await measure(servers, target, { messages: PER_SECOND[target] });
  for (let round = 0; round < rounds; round += 1) {
    note("embedded", await embedded(PER_SECOND.embedded * seconds));
    for (const target of TARGETS) {
      const { perSecond, serverMicros } = await measure(servers, target, {
        messages: PER_SECOND[target] * seconds,
      });
      note(target, perSecond);
      note(`${target} µs of the server`, serverMicros);
    }
    const perSecond = median(figures.get("waybill") ?? []) * HALF;
    const messages = Math.round(perSecond * seconds);
    note("p99 ms at half load", (await measure(servers, "waybill", { messages, perSecond })).p99Ms);
    for (const target of TARGETS) {
      const single = await measure(servers, target, { messages: SINGLES_PER_SECOND * seconds, window: 1 });
      note(`${target} delivery p50 ms, window 1`, single.p50Ms);
      note(`${target} confirm p50 ms, window 1`, single.confirmP50Ms);
      const amqplib = { messages: AMQPLIB_PER_SECOND[target] * seconds, client: "amqplib" } as const;
      note(`amqplib ${target}`, (await measure(servers, target, amqplib)).perSecond);
    }
  }

  const of = (row: Row): number[] => figures.get(row) ?? [];
  const medianOf = (row: Row): number => median(of(row));
  const more: Record<string, number | string> = {
    embedded: medianOf("embedded"),
    server: medianOf("waybill"),
    vsClassic: medianRatio(of("waybill"), of("classic")),
    vsQuorum: medianRatio(of("waybill"), of("quorum")),
    p99HalfLoadMs: medianOf("p99 ms at half load"),
    rabbitmq: rabbitmq.version,
  };
  for (const target of TARGETS) {
    const suffix = SUFFIXES[target];
    if (target !== "waybill") more[`server${suffix}`] = medianOf(target);
    more[`p50Ms${suffix}`] = medianOf(`${target} confirm p50 ms, window 1`);
    more[`deliveredP50Ms${suffix}`] = medianOf(`${target} delivery p50 ms, window 1`);
    more[`serverMicros${suffix}`] = medianOf(`${target} µs of the server`);
    more[`amqplib${suffix}`] = medianOf(`amqplib ${target}`);
  }
  return {
    bench: "broker",
    value: medianOf("waybill"),
    unit: "msg/s",
    ratio: medianRatio(of("waybill"), of("classic")),
    against: "RabbitMQ with a classic queue",
    rounds: Object.fromEntries(figures),
    more,
  };
}

interface Servers {
  readonly rabbitmq: RabbitmqServer;
  readonly waybill: WaybillServer;
}

interface WaybillServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

/** Every measurement has a queue of its own. */
async function measure(
  { rabbitmq, waybill }: Servers,
  target: Target,
  load: Pick<Load, "messages"> & Partial<Load>,
): Promise<Run> {
  const isWaybill = target === "waybill";
  const whole: Load = {
    url: isWaybill ? waybill.url : await rabbitmq.createVhost(),
    queue: `bench-${randomUUID()}`,
    queueType: isWaybill ? undefined : target,
    client: "frames",
    window: WINDOW,
    perSecond: null,
    ...load,
  };
  return runLoad(whole, isWaybill ? [waybill.pid] : rabbitmq.pids);
}

async function startWaybill(dataDir: string): Promise<WaybillServer> {
  const env = { DATA_DIR: dataDir, NODE_OPTIONS: SERVER_NODE_OPTIONS };
  const server = spawnTs(new URL("broker-server-process.ts", import.meta.url), [], { env });
  const { port } = await server.ready();
  return {
    url: `amqp://guest:guest@127.0.0.1:${String(port)}`,
    pid: server.pid,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Messages per second from publish to acknowledgement, in one process. */
async function embedded(messages: number): Promise<number> {
  await using folder = temporaryFolder("waybill-bench");
  const env = { DATA_DIR: folder.path, MESSAGES: String(messages) };
  await using child = spawnTs(new URL("broker-embedded-process.ts", import.meta.url), [], { env });
  const { perSecond } = await child.line(({ event }) => event === "done", 120_000);
  return Number(perSecond);
}
