import type { JsonLine } from "@waybill/services";
import type { Facts } from "./audit/facts.ts";
import type { Finding, FindingKind } from "./audit/finding.ts";
import type { BrokerKind } from "./broker/broker-kinds.ts";
import type { KillTimes } from "./kills/run-kills.ts";

/** What the demo found out. With `--json` it is printed as it is. */
export interface DemoResult extends KillTimes {
  readonly broker: BrokerKind;
  /** Orders that were committed. */
  readonly placed: number;
  readonly rolledBack: number;
  readonly confirmed: number;
  readonly rejected: number;
  readonly committedMessages: number;
  readonly lost: number;
  readonly orphans: number;
  readonly doubleEffects: number;
  readonly outOfOrder: number;
  /** Of workers, and of the broker's server. */
  readonly kills: number;
  readonly brokerKills: number;
  readonly seconds: number;
  /** Rejected because of the stock, and because of the payment. */
  readonly outOfStock: number;
  readonly declined: number;
  /** As the workers' event lines say. */
  readonly published: number;
  readonly duplicatesSuppressed: number;
  /** `false` when the deadline came first: then something is lost, or was only late. */
  readonly settled: boolean;
  readonly findings: readonly Finding[];
}

export interface DemoRun extends KillTimes {
  readonly broker: BrokerKind;
  readonly facts: Facts;
  readonly findings: readonly Finding[];
  /** The workers' event lines. */
  readonly events: readonly JsonLine[];
  readonly published: number;
  readonly settled: boolean;
  readonly seconds: number;
}

/** Counts what happened. */
export function resultOf(run: DemoRun): DemoResult {
  const { broker, facts, findings, events, published, settled, takeoversMs, outagesMs, seconds } = run;
  const { orders, messages, answers } = facts;
  const count = (kind: FindingKind): number => findings.filter((finding) => finding.kind === kind).length;
  const rejectedFor = (reason: string): number =>
    orders.filter(({ rejectionReason }) => rejectionReason === reason).length;
  return {
    broker,
    placed: orders.length,
    rolledBack: answers.rolledBack.length,
    confirmed: orders.filter(({ status }) => status === "confirmed").length,
    rejected: orders.filter(({ status }) => status === "rejected").length,
    committedMessages: messages.length,
    lost: count("lost"),
    orphans: count("orphan"),
    doubleEffects: count("double effect"),
    outOfOrder: count("out of order"),
    kills: takeoversMs.length,
    brokerKills: outagesMs.length,
    seconds: Math.round(seconds * 10) / 10,
    outOfStock: rejectedFor("out of stock"),
    declined: rejectedFor("payment declined"),
    published,
    duplicatesSuppressed: events.filter(({ type }) => type === "message.duplicate").length,
    settled,
    takeoversMs: takeoversMs.map(Math.round),
    outagesMs: outagesMs.map(Math.round),
    findings,
  };
}
