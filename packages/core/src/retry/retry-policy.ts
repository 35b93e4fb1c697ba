import { WaybillError } from "../errors/waybill-error.ts";

/**
 * When a message that failed runs again: a pure function of how often it failed, so that it can be tested and shown.
 */
export interface RetryPolicy {
  /** For people: `exponential(200 ms ×2 up to 60 s, 12 attempts)`. */
  readonly description: string;
  /**
   * Milliseconds until the next attempt after `failed` failed ones; 0 is at once in the same process, `null` gives up.
   *
   * @param fraction chance in [0, 1) for jitter
   */
  readonly delayMs: (failed: number, fraction: number) => number | null;
}

/** `attempts` tries `everyMs` apart. */
export function fixed(options: { readonly everyMs: number; readonly attempts: number }): RetryPolicy {
  const { everyMs, attempts } = options;
  check("fixed", { everyMs, attempts });
  return {
    description: `fixed(${everyMs} ms, ${attempts} attempts)`,
    delayMs: (failed) => (failed >= attempts ? null : everyMs),
  };
}

/**
 * Growing pauses: `immediate` tries at once, then `firstMs`, times `factor` each, up to `maxMs`, until `attempts` are
 * used up. Each pause is shortened by up to a tenth by chance, so that a crowd of failures does not return as a crowd.
 */
export function exponential(options: {
  readonly firstMs: number;
  readonly factor?: number;
  readonly maxMs: number;
  readonly attempts: number;
  /** Tries without a pause after the first failed. Default 1. */
  readonly immediate?: number;
}): RetryPolicy {
  const { firstMs, factor = 2, maxMs, attempts, immediate = 1 } = options;
  check("exponential", { firstMs, factor, maxMs, attempts });
  return {
    description: `exponential(${firstMs} ms ×${factor} up to ${maxMs} ms, ${attempts} attempts)`,
    delayMs: (failed, fraction) => {
      if (failed >= attempts) return null;
      if (failed <= immediate) return 0;
      const pause = Math.min(maxMs, firstMs * factor ** Math.min(failed - immediate - 1, 1_000));
      return Math.max(1, Math.round(pause * (1 - 0.1 * fraction)));
    },
  };
}

function check(name: string, values: Readonly<Record<string, number>>): void {
  for (const [option, value] of Object.entries(values)) {
    if (!Number.isFinite(value) || value <= 0) {
      throw new WaybillError("OPTIONS_INVALID", `${name}: ${option} must be a number above 0, not ${value}.`);
    }
  }
}
