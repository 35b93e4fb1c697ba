import type { CrashPoint, NamedCrashPoint } from "./crash-point.ts";
import { parseCrashPoint } from "./crash-point.ts";

/** Counts the awaits that the pipeline passes, and says where the process is to die. */
export class Tripwire {
  readonly #passed: CrashPoint[] = [];
  readonly #crashes: CrashPoint[] = [];
  readonly #counts = new Map<string, number>();
  #armed: { readonly point: CrashPoint; readonly place: string; readonly at: number } | null = null;

  /** Every await that was passed, in order. */
  get passed(): readonly CrashPoint[] {
    return this.#passed;
  }

  /** Where the process died so far. */
  get crashes(): readonly CrashPoint[] {
    return this.#crashes;
  }

  /** The point that is waited for. */
  get armed(): CrashPoint | null {
    return this.#armed?.point ?? null;
  }

  /** The process dies when it passes this point, counted from now. */
  arm(point: CrashPoint): void {
    const { place, count } = parseCrashPoint(point);
    this.#armed = { point, place, at: (this.#counts.get(place) ?? 0) + count };
  }

  disarm(): void {
    this.#armed = null;
  }

  /** The pipeline is at this point. Answers whether it dies here. */
  reach(place: `${string}:${"before" | "end" | "after"}`, name?: NamedCrashPoint): boolean {
    const count = this.#count(place);
    this.#passed.push(`${place}#${count}`);
    const named = name === undefined ? 0 : this.#count(name);
    const armed = this.#armed;
    if (armed === null) return false;
    if (armed.place === place ? count !== armed.at : armed.place !== name || named !== armed.at) return false;
    this.#armed = null;
    this.#crashes.push(armed.point);
    return true;
  }

  #count(place: string): number {
    const count = (this.#counts.get(place) ?? 0) + 1;
    this.#counts.set(place, count);
    return count;
  }
}
