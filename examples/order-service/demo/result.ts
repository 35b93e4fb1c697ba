import type { JsonLine } from "@waybill/services";
import type { Facts } from "./audit/facts.ts";
import type { Finding, FindingKind } from "./audit/finding.ts";

/** What the demo found out. With `--json` it is printed as it is. */
export interface DemoResult {
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
  readonly kills: number;
  readonly seconds: number;
  /** Rejected because of the stock, and because of the payment. */
  readonly outOfStock: number;
  readonly declined: number;
  /** As the workers' event lines say. */
  readonly published: number;
  readonly duplicatesSuppressed: number;
  /** `false` when the deadline came first: then something is lost, or was only late. */
  readonly settled: boolean;
  readonly takeoversMs: readonly number[];
  readonly findings: readonly Finding[];
}

export interface DemoRun {
  readonly facts: Facts;
  readonly findings: readonly Finding[];
  /** The workers' event lines. */
  readonly events: readonly JsonLine[];
  readonly settled: boolean;
  readonly takeoversMs: readonly number[];
  readonly seconds: number;
}

/** Counts what happened. */
export function resultOf({ facts, findings, events, settled, takeoversMs, seconds }: DemoRun): DemoResult {
  const { orders, messages, answers } = facts;
  const count = (kind: FindingKind): number => findings.filter((finding) => finding.kind === kind).length;
  const rejectedFor = (reason: string): number =>
    orders.filter(({ rejectionReason }) => rejectionReason === reason).length;
  return {
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
    seconds: Math.round(seconds * 10) / 10,
    outOfStock: rejectedFor("out of stock"),
    declined: rejectedFor("payment declined"),
    published: events.reduce((sum, event) => sum + publishedBy(event), 0),
    duplicatesSuppressed: events.filter(({ type }) => type === "message.duplicate").length,
    settled,
    takeoversMs: takeoversMs.map(Math.round),
    findings,
  };
}

function publishedBy({ type, count }: JsonLine): number {
  return type === "relay.published" && typeof count === "number" ? count : 0;
}
