import { describe } from "vitest";
import type { BrokerBed, BrokerSuite, BrokerSuiteOptions } from "./broker-bed.ts";
import { brokerSuite } from "./broker-bed.ts";
import { contentCases } from "./content-cases.ts";
import { deduplicationCases } from "./deduplication-cases.ts";
import { fencingCases } from "./fencing-cases.ts";
import { flowCases } from "./flow-cases.ts";
import { orderCases } from "./order-cases.ts";
import { publishCases } from "./publish-cases.ts";
import { redeliveryCases } from "./redelivery-cases.ts";
import { routingCases } from "./routing-cases.ts";

const themes = {
  publishing: publishCases,
  routing: routingCases,
  content: contentCases,
  redelivery: redeliveryCases,
  order: orderCases,
  flow: flowCases,
  fencing: fencingCases,
  deduplication: deduplicationCases,
} satisfies Record<string, (suite: BrokerSuite) => void>;

/**
 * The suite that every broker must pass. What `features` declares decides what runs; a case that is skipped says
 * why in its name and on stdout. Every test gets a broker of its own from `create`, disposed when the test ends.
 */
export function describeBroker<Bed extends BrokerBed>(name: string, options: BrokerSuiteOptions<Bed>): void {
  describe(`broker ${name}`, () => {
    for (const [theme, cases] of Object.entries(themes)) {
      describe(`on ${theme}`, () => {
        cases(brokerSuite(options));
      });
    }
  });
}
