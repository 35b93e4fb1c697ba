import type { Knex } from "knex";

/** Where a saboteur works. */
export interface Scene {
  readonly knex: Knex;
  /** The broker's folder. While a worker lives, it is the worker's alone. */
  readonly brokerDataDir: string;
  /** Rejects as soon as the demo is interrupted, or when `condition` does not come true in time. */
  readonly until: (what: string, condition: () => Promise<boolean>) => Promise<void>;
}

/** Does one piece of harm behind Waybill's back, while no worker lives, so that nothing depends on chance. */
export interface Saboteur {
  /**
   * Sees to it, while the worker still works, that there will be something to tamper with. What it answers with is
   * disposed of when the harm is done.
   */
  readonly prepare: (scene: Scene) => Promise<AsyncDisposable | null>;
  /** Answers what was done, for a person. */
  readonly tamper: (scene: Scene) => Promise<string>;
}
