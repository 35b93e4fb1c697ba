import { spawnTs, type ProcessExit, type TsProcess } from "@waybill/services";

const STOP_DEADLINE_MS = 15_000;

/** Told when a process ends that nobody asked to end. */
export type OnCrash = (error: Error) => void;

/** One operating system process, and whether its end is wanted. */
export class ServiceProcess implements AsyncDisposable {
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
