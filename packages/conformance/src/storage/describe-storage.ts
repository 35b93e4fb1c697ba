import { describe, onTestFinished } from "vitest";
import { claimAgainCases } from "./claim-again-cases.ts";
import { claimManyCases } from "./claim-many-cases.ts";
import { claimedCases } from "./claimed-cases.ts";
import { claimCases } from "./claim-cases.ts";
import { claimOrderCases } from "./claim-order-cases.ts";
import { deadLetterActCases } from "./dead-letter-act-cases.ts";
import { deadLetterCases } from "./dead-letter-cases.ts";
import { dedupCases } from "./dedup-cases.ts";
import { foldCases } from "./fold-cases.ts";
import { giveUpCases } from "./give-up-cases.ts";
import { jobCases } from "./job-cases.ts";
import { leaseCases } from "./lease-cases.ts";
import { outboxCases } from "./outbox-cases.ts";
import { outgoingCases } from "./outgoing-cases.ts";
import { parkedCases } from "./parked-cases.ts";
import { parkedOrderCases } from "./parked-order-cases.ts";
import { progressCases } from "./progress-cases.ts";
import { recordCases } from "./record-cases.ts";
import { startCases } from "./start-cases.ts";
import type { StorageBed, StorageSuite } from "./storage-bed.ts";
import { transactionCases } from "./transaction-cases.ts";
import { windowCases } from "./window-cases.ts";
import { windowHistoryCases } from "./window-history-cases.ts";

const themes = {
  transactions: transactionCases,
  outbox: outboxCases,
  "dedup keys": dedupCases,
  windows: windowCases,
  "windows under concurrency": windowHistoryCases,
  lease: leaseCases,
  progress: progressCases,
  outgoing: outgoingCases,
  parked: parkedCases,
  "parked order": parkedOrderCases,
  claim: claimCases,
  "claim order": claimOrderCases,
  "transactions that begin with a claim": claimedCases,
  "claims of many": claimManyCases,
  "claims of retried messages": claimAgainCases,
  starts: startCases,
  record: recordCases,
  fold: foldCases,
  "dead letters": deadLetterCases,
  "acts on dead letters": deadLetterActCases,
  "give-ups": giveUpCases,
  jobs: jobCases,
} satisfies Record<string, <Tx>(suite: StorageSuite<Tx>) => void>;

/**
 * The suite that every storage must pass: what the doc comments of the storage ports promise, case by case. Every
 * test gets a storage of its own from `create`, whose `dispose` is called when the test ends.
 */
export function describeStorage<Tx>(
  name: string,
  options: { readonly create: () => Promise<StorageBed<Tx>> },
): void {
  const suite: StorageSuite<Tx> = {
    async open() {
      const bed = await options.create();
      onTestFinished(async () => {
        await bed.dispose();
      });
      return bed;
    },
  };
  describe(`storage ${name}`, () => {
    for (const [theme, cases] of Object.entries(themes)) {
      describe(`on ${theme}`, () => {
        cases(suite);
      });
    }
  });
}
