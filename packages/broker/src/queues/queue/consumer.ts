import type { Held } from "./held.ts";

/** Somebody who takes messages of a queue. */
export interface Consumer {
  readonly tag: string;
  readonly isExclusive: boolean;
  readonly priority: number;
  /** Whether it may be given another message now. */
  readonly hasRoom: boolean;
  deliver(held: Held): void;
  /** The queue went away. */
  cancelled(): void;
}
