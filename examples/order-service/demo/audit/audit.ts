import type { Facts } from "./facts.ts";
import { findDoubleEffects } from "./find-double-effects.ts";
import { findInversions } from "./find-inversions.ts";
import { findLost } from "./find-lost.ts";
import { findOrphans } from "./find-orphans.ts";
import type { Finding } from "./finding.ts";
import { tracesOf } from "./traces.ts";

/** Everything that is wrong with `facts`, most serious kind first; empty when all is well. */
export function audit(facts: Facts): readonly Finding[] {
  const traces = tracesOf(facts);
  return [
    ...findLost(facts, traces),
    ...findOrphans(facts, traces),
    ...findDoubleEffects(facts, traces),
    ...findInversions(facts),
  ];
}
