import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { StopMode, SupervisorReply, SupervisorStart } from "./supervisor-protocol.ts";

type Ready = Extract<SupervisorReply, { kind: "ready" }>;

/** This process's side of a supervisor: asks, waits for the answer, and never keeps the event loop alive. */
export class SupervisorClient {
  readonly #child: ChildProcess;
  readonly #replies: AsyncIterator<string>;
  readonly #exited: Promise<unknown>;

  constructor() {
    // Detached: Ctrl-C must reach this process only, and the supervisor learns of it by the closing pipe.
    this.#child = spawn(process.execPath, [fileURLToPath(new URL("supervisor.ts", import.meta.url))], {
      detached: true,
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#exited = once(this.#child, "close");
    this.#exited.catch(() => undefined);
    this.#child.stdin?.on("error", () => undefined); // A dead supervisor shows as the end of its replies.
    if (!this.#child.stdout) throw new Error("the supervisor has no output");
    this.#replies = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  start(start: SupervisorStart): Promise<Ready> {
    return this.#ask(start);
  }

  restart(mode: StopMode): Promise<Ready> {
    return this.#ask({ restart: mode });
  }

  /** Closes the pipe and waits until the server is gone and its data removed. */
  async stop(): Promise<void> {
    this.#ref();
    this.#child.stdin?.end();
    await this.#exited;
  }

  async #ask(request: object): Promise<Ready> {
    this.#ref();
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.#replies.next();
    if (done === true) throw new Error("the supervisor of PostgreSQL ended without an answer");
    const reply = JSON.parse(value) as SupervisorReply;
    if (reply.kind === "failed") {
      await this.#exited;
      throw new Error(reply.message);
    }
    this.#unref();
    return reply;
  }

  #ref(): void {
    this.#child.ref();
    for (const stream of [this.#child.stdin, this.#child.stdout]) (stream as Refable | null)?.ref();
  }

  #unref(): void {
    this.#child.unref();
    for (const stream of [this.#child.stdin, this.#child.stdout]) (stream as Refable | null)?.unref();
  }
}

interface Refable {
  ref(): void;
  unref(): void;
}
