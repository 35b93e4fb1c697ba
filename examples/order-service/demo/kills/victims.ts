import type { DemoBroker } from "../broker/demo-broker.ts";
import type { DemoOptions } from "../flags.ts";

export type Victim = "worker" | "broker";

/** Whom to kill, in this order: the broker's server in the middle, if it is the demo's own and anything is killed at all. */
export function victimsOf({ kills }: DemoOptions, { server }: DemoBroker): readonly Victim[] {
  const victims = Array.from({ length: kills }, (): Victim => "worker");
  if (server === null || kills === 0) return victims;
  return victims.toSpliced(Math.ceil(kills / 2), 0, "broker");
}
