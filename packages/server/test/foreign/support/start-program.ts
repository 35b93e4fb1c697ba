import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";
import { waitFor } from "@waybill/services";

/** One line of a program's stdout: `{"event": "...", …}`. */
type ProgramEvent = Readonly<Record<string, unknown>> & { readonly event: string };

export interface ForeignProgram {
  /** The first event of this name, past or future. Rejects when the program ends without it, or at the deadline. */
  event(name: string, deadlineMs?: number): Promise<ProgramEvent>;
  /** Its exit code; waits for its end. */
  exitCode(deadlineMs?: number): Promise<number>;
  hasEnded(): boolean;
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
  /** Everything that it wrote, besides events. */
  readonly output: readonly string[];
}

export interface ProgramCall {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** Starts a program of any language that tells what it does by JSON lines. It is killed when the test has finished. */
export function startProgram({ command, args, env, cwd }: ProgramCall): ForeignProgram {
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const events: ProgramEvent[] = [];
  const output: string[] = [];
  let code: number | undefined;
  const ended = once(child, "close").then(
    ([exit]) => (code = (exit as number | null) ?? -1),
    (error: Error) => output.push(error.message) && (code = 127),
  );
  createInterface(child.stderr).on("line", (line) => output.push(line));
  createInterface(child.stdout).on("line", (line) => {
    if (line.startsWith("{")) events.push(JSON.parse(line) as ProgramEvent);
    else output.push(line);
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  onTestFinished(kill);
  const described = (what: string) => (): string =>
    `${what} of ${command}\n${output.slice(-40).join("\n")}\n${JSON.stringify(events.slice(-3))}`;
  return {
    output,
    kill,
    hasEnded: () => code !== undefined,
    async event(name, deadlineMs = 60_000) {
      const find = (): ProgramEvent | undefined => events.find(({ event }) => event === name);
      await waitFor(() => find() ?? code !== undefined, { deadlineMs, describe: described(`event ${name}`) });
      const found = find();
      if (found) return found;
      throw new Error(`it ended (${code}) without ${described(`event ${name}`)()}`);
    },
    async exitCode(deadlineMs = 60_000) {
      await waitFor(() => code !== undefined, { deadlineMs, describe: described("the end") });
      return code ?? -1;
    },
  };
}
