import { frameTarget } from "./frames/frame-target.ts";
import type { FuzzTarget } from "./fuzz.ts";
import { logTarget } from "./log/log-target.ts";

/** What `npm run fuzz -- NAME` knows. */
export const fuzzers: Readonly<Record<string, () => FuzzTarget | Promise<FuzzTarget>>> = {
  frames: frameTarget,
  log: logTarget,
};
