import { onTestFinished } from "vitest";
import { spawnTs, type SpawnTsOptions, type TsProcess } from "../process/spawn-ts.ts";

/** `spawnTs` for use inside a test: the process is killed, and its end awaited, when the test has finished. */
export function testProcess(
  file: string | URL,
  args: readonly string[] = [],
  options: SpawnTsOptions = {},
): TsProcess {
  const child = spawnTs(file, args, options);
  onTestFinished(() => child[Symbol.asyncDispose]());
  return child;
}
