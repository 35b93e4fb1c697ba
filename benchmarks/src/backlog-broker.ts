import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawnTs } from "@waybill/services";
import { medianRatio, type Effort, type Figures } from "./report.ts";

const PROCESS = new URL("backlog-broker-process.ts", import.meta.url);

/** What a queue engine does under a backlog that nobody consumes, and after it was killed with that. */
export interface BrokerBacklogRun {
  /** Messages per second to empty queues, and on top of the backlog, by turns. */
  readonly emptyPerSecond: readonly number[];
  readonly fullPerSecond: readonly number[];
  /** From the start of the recovery to the first possible delivery. */
  readonly openMs: number;
  /** Messages that were there after the kill. */
  readonly waiting: number;
  readonly drainPerSecond: number;
  /** Most resident memory of either process. */
  readonly mostBytes: number;
}

/** Lets `messages` of 200 bytes wait in three queues, kills the process, opens the directory again and drains it. */
export async function measureBrokerBacklog(messages: number): Promise<BrokerBacklogRun> {
  const folder = await mkdtemp(join(tmpdir(), "waybill-backlog-"));
  const deadlineMs = 60_000 + messages / 10;
  try {
    await using filling = spawnTs(PROCESS, [folder, "fill", String(messages)]);
    const filled = await filling.line(({ event }) => event === "filled", deadlineMs);
    await filling.exited;
    const rounds = filling.lines.filter(({ event }) => event === "round");
    await using draining = spawnTs(PROCESS, [folder, "drain", String(messages)]);
    const opened = await draining.line(({ event }) => event === "opened", deadlineMs);
    const drained = await draining.line(({ event }) => event === "drained", deadlineMs);
    await draining.exited;
    return {
      emptyPerSecond: rounds.map((round) => Number(round["emptyPerSecond"])),
      fullPerSecond: rounds.map((round) => Number(round["fullPerSecond"])),
      openMs: Number(opened["openMs"]),
      waiting: Number(opened["waiting"]),
      drainPerSecond: Number(drained["perSecond"]),
      mostBytes: Math.max(Number(filled["mostBytes"]), Number(drained["mostBytes"])),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A broker on which `--rows` messages wait (default 10 million): publish rate, memory, cold start and drain. */
export async function backlogBroker({ rows = 10_000_000 }: Effort): Promise<Figures> {
  const run = await measureBrokerBacklog(rows);
  const rssMb = run.mostBytes / 1_048_576;
  return {
    bench: "backlog-broker",
    value: run.openMs,
    unit: "ms from a kill to the first delivery",
    ratio: medianRatio(run.fullPerSecond, run.emptyPerSecond),
    against: "publishing to empty queues",
    rounds: {
      "cold start, ms": [run.openMs],
      "publish, empty, msg/s": run.emptyPerSecond,
      "publish, full, msg/s": run.fullPerSecond,
      "drain, msg/s": [run.drainPerSecond],
      "resident memory, MB": [rssMb],
    },
    more: { rows, rssMb, openMs: run.openMs, drainPerSecond: run.drainPerSecond },
  };
}
