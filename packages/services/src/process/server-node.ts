import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { isRunning } from "./is-running.ts";
import { folderMark, killMarked, markedProcesses, markedRoots, signalAll } from "./marked-processes.ts";
import { waitFor } from "./wait-for.ts";

export interface ServerNodeOptions {
  /** For messages. */
  readonly name: string;
  /** Of this node alone: its processes are found by it, and its output goes to `output.log` in it. */
  readonly folder: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Who runs it, if not the user of this process. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** What makes its first process end it in good order. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
  /** Runs before each start; what has to happen only once it does only once. */
  readonly prepare?: () => Promise<void>;
  /** Whether it serves; asked again and again after the start. An error counts as not yet. */
  readonly isReady: (node: ServerNode) => boolean | Promise<boolean>;
  readonly readyDeadlineMs?: number;
}

/** What a test can do to a server. All of it can be called in any state. */
export interface NodeControl {
  /** Ends it in its own orderly way, SIGKILL if that takes over 20 s. Its data stays. */
  stop(): Promise<void>;
  /** SIGKILL to all its processes. Its data stays. */
  kill(): Promise<void>;
  /** Starts it on the same ports with the same data and waits until it serves. Nothing to do if it runs. */
  start(): Promise<void>;
  /** SIGSTOP to all its processes: its sockets stay open and nobody answers. */
  pause(): void;
  /** SIGCONT after `pause`. */
  resume(): void;
}

/** What a test can do to a node, without the rest of it. */
export function controlOf(node: ServerNode): NodeControl {
  return {
    stop: () => node.stop(),
    kill: () => node.kill(),
    start: () => node.start(),
    pause: () => node.pause(),
    resume: () => node.resume(),
  };
}

const stopDeadlineMs = 20_000;
const messageLines = 40;
/** What would lead a server away from the settings that it is given. */
const foreignSetting = /^(RABBITMQ_|ERL_|KAFKA_|HAPROXY_|NOTIFY_SOCKET$)/;

/**
 * A server as one or more processes in sessions of their own. It outlives this process: whoever makes it sees to its
 * end, for instance with `keptFolder`.
 */
export class ServerNode implements NodeControl {
  readonly #options: ServerNodeOptions;
  #outputFrom = 0;

  constructor(options: ServerNodeOptions) {
    this.#options = options;
  }

  get pids(): number[] {
    return markedProcesses(this.#options.folder);
  }

  /** Output since the last start. */
  get output(): string {
    return readFileSync(this.#outputFile, "latin1").slice(this.#outputFrom);
  }

  /** Whether it runs and serves, asked once. */
  async isUp(): Promise<boolean> {
    if (this.pids.length === 0) return false;
    try {
      return await this.#options.isReady(this);
    } catch {
      return false;
    }
  }

  async start(): Promise<void> {
    if (this.pids.length === 0) {
      await this.#options.prepare?.();
      this.#spawn();
    }
    let hasEnded = false;
    await waitFor(async () => (hasEnded = this.pids.length === 0) || (await this.#options.isReady(this)), {
      deadlineMs: this.#options.readyDeadlineMs ?? 60_000,
      intervalMs: 50,
      describe: () => this.#described(),
    });
    if (hasEnded) throw new Error(`${this.#options.name} ended at start:\n${this.#lastOutput()}`);
  }

  async stop(): Promise<void> {
    const { folder, stopSignal = "SIGTERM" } = this.#options;
    const told = this.pids;
    signalAll(markedRoots(folder), stopSignal);
    this.resume(); // A paused process takes no other signal.
    try {
      await waitFor(() => this.pids.length === 0 && !told.some(isRunning), { deadlineMs: stopDeadlineMs });
    } catch {
      await this.kill();
    }
  }

  kill(): Promise<void> {
    return killMarked(this.#options.folder);
  }

  pause(): void {
    signalAll(this.pids, "SIGSTOP");
  }

  resume(): void {
    signalAll(this.pids, "SIGCONT");
  }

  get #outputFile(): string {
    return join(this.#options.folder, "output.log");
  }

  #spawn(): void {
    const { folder, command, args, env, user } = this.#options;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const output = openSync(this.#outputFile, "a", 0o600);
    try {
      this.#outputFrom = statSync(this.#outputFile).size;
      const inherited = Object.entries(process.env).filter(([name]) => !foreignSetting.test(name));
      const child = spawn(command, args, {
        ...user,
        cwd: folder,
        detached: true, // Ctrl-C is for this process, not for its servers.
        env: { ...Object.fromEntries(inherited), ...env, [folderMark]: folder },
        stdio: ["ignore", output, output],
      });
      child.on("error", () => undefined); // Shows as a server without processes.
      child.unref();
    } finally {
      closeSync(output);
    }
  }

  #described(): string {
    return `${this.#options.name} to serve\n${this.#lastOutput()}`;
  }

  #lastOutput(): string {
    return this.output.trimEnd().split("\n").slice(-messageLines).join("\n");
  }
}
