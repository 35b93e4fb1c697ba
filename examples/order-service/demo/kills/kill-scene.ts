import type { Knex } from "knex";
import type { DemoBroker } from "../broker/demo-broker.ts";
import type { DemoOptions } from "../flags.ts";
import type { Screen } from "../screen.ts";
import type { Workers } from "../workers.ts";

/** What a kill works on. */
export interface KillScene {
  readonly options: DemoOptions;
  readonly broker: DemoBroker;
  /** What the native broker stores in. While a worker lives, it is the worker's alone. */
  readonly brokerDataDir: string;
  readonly workers: Workers;
  readonly knex: Knex;
  /** How many orders were answered so far. */
  readonly answered: () => number;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}
