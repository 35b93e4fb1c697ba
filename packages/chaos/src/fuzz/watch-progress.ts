import { Worker } from "node:worker_threads";

/** Longer than a thousand inputs take of any target. */
const SILENCE_MS_MAX = 120_000;

/** A loop without end lets nothing else run on its thread, so another one looks whether inputs go on. */
const WATCHER = `
  const { workerData } = require("node:worker_threads");
  const { progress, silenceMsMax, name } = workerData;
  let seen = -1;
  let since = Date.now();
  setInterval(() => {
    const at = Atomics.load(progress, 0);
    if (at !== seen) [seen, since] = [at, Date.now()];
    if (Date.now() - since < silenceMsMax) return;
    require("node:fs").writeSync(2, name + ": an input from number " + at + " on does not end\\n");
    process.kill(process.pid, "SIGKILL");
  }, 1000);
`;

export interface Watch extends AsyncDisposable {
  /** Inputs before this number have ended. */
  alive(input: number): void;
}

/** Kills the process and says why when nothing is heard for two minutes. */
export function watchProgress(target: string, seed: number): Watch {
  const progress = new Int32Array(new SharedArrayBuffer(4));
  const name = `${target} with seed ${seed}`;
  const worker = new Worker(WATCHER, {
    eval: true,
    workerData: { progress, silenceMsMax: SILENCE_MS_MAX, name },
  });
  return {
    alive: (input) => void Atomics.store(progress, 0, input),
    [Symbol.asyncDispose]: async () => void (await worker.terminate()),
  };
}
