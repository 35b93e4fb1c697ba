import type { Broker } from "@waybill/core";
import { expect, onTestFinished } from "vitest";
import { flawless, type Audit } from "../src/index.ts";
import { openClusterFlow, type ClusterFlow } from "../src/cluster/cluster-flow.ts";
import { preparedDatabase } from "./prepared-database.ts";

/** Flows on a database of the file's own, and what they took to recover, printed. */
export function clusterBed(architecture: string): {
  readonly openFlow: (publishTo: Broker, ...consumeFrom: Broker[]) => Promise<ClusterFlow>;
  readonly timed: (flow: ClusterFlow, what: string, fault: () => unknown) => Promise<void>;
  readonly audited: (flow: ClusterFlow) => Promise<Audit>;
  readonly expectFlawless: (flow: ClusterFlow, atLeast: number) => Promise<void>;
} {
  const { pool } = preparedDatabase();
  const audited = async (flow: ClusterFlow): Promise<Audit> => {
    const found = await flow.settled();
    console.log(`${architecture}: ${JSON.stringify(found)}`);
    return found;
  };
  return {
    async openFlow(publishTo, ...consumeFrom) {
      await pool().query("truncate counter, noted, effect, total");
      const flow = await openClusterFlow({ pool: pool(), publishTo, consumeFrom });
      onTestFinished(() => flow[Symbol.asyncDispose]());
      return flow;
    },
    async timed(flow, what, fault) {
      const ms = await flow.recovery(fault);
      console.log(`${architecture}: ${what}, every key moves again after ${(ms / 1_000).toFixed(1)} s`);
    },
    audited,
    async expectFlawless(flow, atLeast) {
      const found = await audited(flow);
      expect(found).toEqual(flawless(found.committed));
      expect(found.committed).toBeGreaterThan(atLeast);
    },
  };
}
