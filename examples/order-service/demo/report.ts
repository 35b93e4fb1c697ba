import { BROKER_NAMES } from "./broker/broker-kinds.ts";
import type { DemoResult } from "./result.ts";

/** Findings of one run that are printed; the rest is counted. */
const FINDINGS_MAX = 20;

type Row = readonly [name: string, value: number, note: string];

/** The result as a person wants to read it. */
export function report(result: DemoResult): string {
  const blocks = [orderRows(result), messageRows(result), auditRows(result)].map((rows) => rows.map(line));
  return ["", ...blocks.flatMap((lines) => [...lines, ""]), ...findingLines(result), verdict(result)].join(
    "\n",
  );
}

function orderRows({ placed, rolledBack, confirmed, rejected, outOfStock, declined }: DemoResult): Row[] {
  return [
    ["orders placed", placed, "committed over HTTP"],
    ["rolled back", rolledBack, "beyond the credit limit, noticed after the message was sent"],
    ["confirmed", confirmed, "stock reserved and payment charged"],
    ["rejected", rejected, `${outOfStock} out of stock, ${declined} declined and put back on the shelf`],
  ];
}

function messageRows({ committedMessages, published, duplicatesSuppressed }: DemoResult): Row[] {
  const again = Math.max(0, published - committedMessages);
  return [
    ["messages committed", committedMessages, "counted in the outbox"],
    ["published", published, `${again} of them again after a kill, as the workers reported`],
    [
      "duplicates suppressed",
      duplicatesSuppressed,
      "delivered again, not applied again, as the workers reported",
    ],
  ];
}

function auditRows({ lost, orphans, doubleEffects, outOfOrder }: DemoResult): Row[] {
  return [
    ["lost", lost, "committed, but without its effects"],
    ["orphans", orphans, "messages or effects of orders that were never committed"],
    ["double effects", doubleEffects, "reserved, charged or ended more than once"],
    ["out of order", outOfOrder, "orders of one customer that overtook each other"],
  ];
}

function line([name, value, note]: Row): string {
  return `  ${name.padEnd(22)}${value.toLocaleString("en-US").padStart(8)}   ${note}`;
}

function findingLines({ findings, settled }: DemoResult): string[] {
  const lines = findings
    .slice(0, FINDINGS_MAX)
    .map(({ kind, subject, what }) => `  ${kind}: ${subject}: ${what}`);
  if (findings.length > FINDINGS_MAX) lines.push(`  … and ${findings.length - FINDINGS_MAX} more`);
  if (!settled) lines.push("  The deadline came before everything had settled.");
  return lines.length === 0 ? [] : [...lines, ""];
}

function verdict(result: DemoResult): string {
  const { broker, seconds, findings } = result;
  const run = `${killsOf(result)}, on ${BROKER_NAMES[broker]}, in ${seconds} s`;
  if (isGood(result)) {
    return `  GOOD: every committed order happened exactly once and in order, through ${run}.`;
  }
  const found = findings.length === 1 ? "1 finding" : `${findings.length} findings`;
  return `  BAD: ${found}, after ${run}.`;
}

function killsOf({ kills, brokerKills }: DemoResult): string {
  const ofWorkers = `${kills} ${kills === 1 ? "kill" : "kills"}`;
  return brokerKills === 0 ? ofWorkers : `${ofWorkers} of workers and ${brokerKills} of the broker's server`;
}

/** Whether everything that was committed happened, once, in order, and nothing else did. */
export function isGood({ findings, settled }: DemoResult): boolean {
  return findings.length === 0 && settled;
}
