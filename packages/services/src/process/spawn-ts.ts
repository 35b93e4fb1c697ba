import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { atProcessEnd } from "./at-process-end.ts";
import { waitFor } from "./wait-for.ts";

/** One line of stdout that was a JSON object. */
export type JsonLine = Readonly<Record<string, unknown>>;

export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface SpawnTsOptions {
  /** Added to the environment of this process; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Further options for Node itself, before the file name. */
  readonly nodeOptions?: readonly string[];
  /** The line that means "ready". Default: `{"event":"ready"}`, whatever else is in it. */
  readonly ready?: (line: JsonLine) => boolean;
}

export interface TsProcess extends AsyncDisposable {
  readonly pid: number;
  /** JSON lines of stdout so far, oldest first. */
  readonly lines: readonly JsonLine[];
  /** Everything else that it wrote to stdout and stderr: the last 200 lines. */
  readonly output: readonly string[];
  /** Settles when the process has ended and its output is read. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** The first line that matches, past or future. Rejects when the process ends before, or at the deadline (30 s). */
  line(match: (line: JsonLine) => boolean, deadlineMs?: number): Promise<JsonLine>;
  /** `line` for the line that means "ready". */
  ready(deadlineMs?: number): Promise<JsonLine>;
  /** Sends a signal: SIGTERM unless told; SIGSTOP and SIGCONT pause and resume. Does nothing after the end. */
  kill(signal?: NodeJS.Signals): void;
}

const outputLinesMax = 200;
const preload = fileURLToPath(new URL("exit-with-parent.ts", import.meta.url));

/**
 * Starts a TypeScript file as an operating system process of its own, on the sources of this repository. It does
 * not outlive its parent: it is killed on dispose, when this process ends, and by itself when this process is
 * killed by SIGKILL (unless it is stopped or blocks its event loop at that time).
 */
export function spawnTs(
  file: string | URL,
  args: readonly string[] = [],
  options: SpawnTsOptions = {},
): TsProcess {
  const path = file instanceof URL ? fileURLToPath(file) : file;
  const nodeOptions = ["--conditions=waybill-source", `--import=${preload}`, ...(options.nodeOptions ?? [])];
  const child = spawn(process.execPath, [...nodeOptions, path, ...args], {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const withdraw = atProcessEnd(() => child.kill("SIGKILL"));
  const exited = exitOf(child).finally(withdraw);
  return asTsProcess(child, path, exited, options);
}

function asTsProcess(
  child: ChildProcess,
  path: string,
  exited: Promise<ProcessExit>,
  options: SpawnTsOptions,
): TsProcess {
  const { lines, output } = capture(child);
  let ended: ProcessExit | undefined;
  void exited.then((exit) => (ended = exit));

  const line = async (match: (line: JsonLine) => boolean, deadlineMs = 30_000): Promise<JsonLine> => {
    const describe = (): string => `a line of ${path}\n${output.join("\n")}`;
    const found = await waitFor(() => lines.find(match) ?? ended, { deadlineMs, describe });
    if (found !== ended) return found as JsonLine;
    throw new Error(
      `${path} ended (${ended.signal ?? ended.code}) before the line came\n${output.join("\n")}`,
    );
  };
  const isReady = options.ready ?? ((candidate: JsonLine): boolean => candidate["event"] === "ready");

  return {
    pid: child.pid ?? -1,
    lines,
    output,
    exited,
    line,
    ready: (deadlineMs) => line(isReady, deadlineMs),
    kill: (signal = "SIGTERM") => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function exitOf(child: ChildProcess): Promise<ProcessExit> {
  try {
    const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
    return { code, signal };
  } catch {
    return { code: 127, signal: null }; // It could not be started.
  }
}

function capture(child: ChildProcess): { lines: JsonLine[]; output: string[] } {
  const lines: JsonLine[] = [];
  const output: string[] = [];
  const note = (text: string): void => {
    output.push(text);
    if (output.length > outputLinesMax) output.shift();
  };
  if (child.stderr) createInterface(child.stderr).on("line", note);
  if (child.stdout) {
    createInterface(child.stdout).on("line", (text) => {
      const line = parseLine(text);
      if (line) lines.push(line);
      else note(text);
    });
  }
  child.on("error", (error) => note(error.message));
  return { lines, output };
}

function parseLine(text: string): JsonLine | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as JsonLine;
  } catch {
    return undefined;
  }
}
