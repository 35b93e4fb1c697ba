import { waitFor } from "@waybill/services";
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished } from "vitest";

const MAIN = fileURLToPath(new URL("../demo/main.ts", import.meta.url));
const MARK = "WAYBILL_DEMO_TEST";
const DEADLINE_MS = 120_000;

export interface StartDemoOptions {
  /** Default: without, so that the demo brings its own PostgreSQL. */
  readonly databaseUrl?: string;
  /** Variables that tell where brokers are. Default: none, so that the demo brings its own. */
  readonly brokerEnv?: Readonly<Record<string, string>>;
  /** Run as this user and group. Only root can. */
  readonly uid?: number;
  /** Make it the head of a process group and send signals to all of that, as a terminal does. Default false. */
  readonly group?: boolean;
}

export interface DemoProcess {
  /** Everything that it printed so far. */
  readonly output: () => string;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Resolves when it has printed `text`; rejects when it ends before. */
  readonly printed: (text: string) => Promise<void>;
  readonly exited: Promise<number | NodeJS.Signals>;
  /** The last line, read as JSON. */
  readonly json: () => Record<string, unknown>;
  /** Processes that it started, or that those started, and that are still there. */
  readonly processes: () => readonly string[];
  /** What is left in its temporary folder. */
  readonly files: () => readonly string[];
}

/** That it has cleaned up behind itself. */
export function expectNothingLeft(demo: DemoProcess): void {
  expect(demo.processes()).toEqual([]);
  expect(demo.files()).toEqual([]);
}

/** Runs the demo with a temporary folder of its own, which only it and its children write to. */
export function startDemo(args: readonly string[], options: StartDemoOptions = {}): DemoProcess {
  const { databaseUrl = "", brokerEnv = {}, uid, group = false } = options;
  const mark = randomUUID();
  const folder = mkdtempSync("/tmp/waybill-demo-test-");
  chmodSync(folder, 0o755); // PostgreSQL may run as another user.
  if (uid !== undefined) chownSync(folder, uid, uid);
  const child = spawn(process.execPath, ["--conditions=waybill-source", MAIN, ...args], {
    env: {
      ...process.env,
      DATABASE_URL: databaseUrl,
      RABBITMQ_URL: "",
      KAFKA_BROKERS: "",
      ...brokerEnv,
      TMPDIR: folder,
      [MARK]: mark,
    },
    stdio: ["ignore", "pipe", "pipe"],
    detached: group,
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => chunks.push(String(data)));
  const output = (): string => chunks.join("");
  const exited = once(child, "close").then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  let ended = false;
  void exited.then(() => (ended = true));
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exited;
    await waitFor(() => processesWith(mark).length === 0, { describe: "the children of the demo to end" });
    rmSync(folder, { recursive: true, force: true });
  });

  return {
    output,
    exited,
    kill(signal) {
      if (group && child.pid !== undefined) process.kill(-child.pid, signal);
      else child.kill(signal);
    },
    async printed(text) {
      const describe = (): string => `"${text}" in\n${output()}`;
      await waitFor(() => ended || output().includes(text), { deadlineMs: DEADLINE_MS, describe });
      if (!output().includes(text)) throw new Error(`the demo ended without ${describe()}`);
    },
    json: () => JSON.parse(output().trimEnd().split("\n").at(-1) ?? "") as Record<string, unknown>,
    processes: () => processesWith(mark),
    files: () => readdirSync(folder),
  };
}

/** The command lines of all processes that carry the mark in their environment, where the system tells (Linux). */
function processesWith(mark: string): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      if (!readFileSync(join("/proc", pid, "environ"), "utf8").includes(`${MARK}=${mark}`)) return [];
      return [`${pid} ${readFileSync(join("/proc", pid, "cmdline"), "utf8").replaceAll("\0", " ")}`];
    } catch {
      return []; // It has just ended, or is not ours to look at.
    }
  });
}
