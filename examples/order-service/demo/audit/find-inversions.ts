import type { Facts, MessageFact } from "./facts.ts";
import { groupedBy, type Finding } from "./finding.ts";

interface Step extends MessageFact {
  /** One sequence of a customer's orders that one step after another must keep. */
  readonly lane: string;
}

/** Orders of one customer that were handled in another order than they were committed in. */
export function findInversions(facts: Facts): Finding[] {
  const orders = new Map(facts.orders.map((order) => [order.orderId, order]));
  const committed = facts.history.filter(({ orderId }) => orders.has(orderId));
  const steps = committed.map((entry): Step => {
    // Rejections come from two steps that do not wait for each other: each keeps its own order.
    const cause = entry.topic === "order.rejected" ? ` (${orders.get(entry.orderId)?.rejectionReason})` : "";
    return { ...entry, lane: `${entry.group} handled ${entry.topic}${cause}` };
  });
  const lanes = groupedBy(steps, ({ lane, customerId }) => `${lane} of ${customerId}`);
  return [...lanes.values()].flatMap(inversionsOf);
}

function inversionsOf(steps: readonly Step[]): Finding[] {
  let newest: Step | undefined;
  const findings: Finding[] = [];
  for (const step of steps) {
    if (newest !== undefined && step.customerOrderNo < newest.customerOrderNo) {
      const what = `${step.lane} of order ${step.orderId} (no. ${step.customerOrderNo}) after order ${newest.orderId} (no. ${newest.customerOrderNo})`;
      findings.push({ kind: "out of order", subject: `customer ${step.customerId}`, what });
    } else newest = step;
  }
  return findings;
}
