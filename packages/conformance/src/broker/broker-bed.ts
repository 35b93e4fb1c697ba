import { randomUUID } from "node:crypto";
import type { Broker, BrokerFeatures, Envelope, PublishOptions, PublishResult } from "@waybill/core";
import { expect, test } from "vitest";
import { fresh, newEnvelope } from "../support/messages.ts";

/** A broker for one test. Topics and groups have names of their own, so that beds may share a server. */
export interface BrokerBed {
  /** Not opened yet. */
  readonly broker: Broker;
  dispose(): PromiseLike<void>;
}

/** What an adapter tells the suite about itself. */
export interface BrokerSuiteOptions<Bed extends BrokerBed> {
  readonly create: () => Promise<Bed>;
  /** What the broker declares; checked against the broker's own word, and decides which cases run. */
  readonly features: BrokerFeatures;
  /** Stops the bed's broker and answers a new one on the same data, not opened yet. Durable brokers need it. */
  readonly restart?: (bed: Bed) => Promise<Broker>;
}

/** What one case gets. */
interface BrokerCase {
  /** Opened. After `restart` use what that answered. */
  readonly broker: Broker;
  readonly features: BrokerFeatures;
  /** A topic that nobody else uses. */
  readonly topic: string;
  readonly group: string;
  /** Answers the broker after a restart, opened. */
  restart(): Promise<Broker>;
}

/** What a case needs beyond what every broker can do. */
type Need = "orderedByKey" | "fencing" | "prefixAcceptance" | "deduplicates" | "durable";

/** What a theme of cases gets. */
export interface BrokerSuite {
  readonly features: BrokerFeatures;
  /** Registers a case; it is skipped, saying why, when the broker does not declare what it needs. */
  readonly runs: (title: string, needs: readonly Need[], work: (the: BrokerCase) => Promise<void>) => void;
}

/** The suite of one adapter. */
export function brokerSuite<Bed extends BrokerBed>(options: BrokerSuiteOptions<Bed>): BrokerSuite {
  const { features } = options;
  return {
    features,
    runs(title, needs, work) {
      const reason = whySkipped(options, needs);
      test(`${title}${reason === null ? "" : ` (skipped: ${reason})`}`, async ({ skip }) => {
        if (reason !== null) {
          process.stdout.write(`skipped: ${title}: ${reason}\n`);
          skip(reason);
        }
        await runCase(options, work);
      });
    },
  };
}

function whySkipped<Bed extends BrokerBed>(
  { features, restart }: BrokerSuiteOptions<Bed>,
  needs: readonly Need[],
): string | null {
  const missing = needs.filter((need) => !features[need]);
  if (missing.length > 0) return `the broker does not declare ${missing.join(", ")}`;
  if (needs.includes("durable") && restart === undefined) return "the adapter gave no way to restart it";
  return null;
}

async function runCase<Bed extends BrokerBed>(
  options: BrokerSuiteOptions<Bed>,
  work: (the: BrokerCase) => Promise<void>,
): Promise<void> {
  const bed = await options.create();
  const restarted: Broker[] = [];
  try {
    await bed.broker.open();
    expect(bed.broker.features).toEqual(options.features);
    const topic = fresh("thing");
    await bed.broker.declare([{ name: topic }]);
    await work({
      broker: bed.broker,
      features: options.features,
      topic,
      group: fresh("group"),
      async restart() {
        if (options.restart === undefined) throw new Error("this broker cannot be restarted");
        const broker = await options.restart(bed);
        restarted.push(broker);
        await broker.open();
        return broker;
      },
    });
  } finally {
    for (const broker of restarted) await broker[Symbol.asyncDispose]();
    await bed.dispose();
  }
}

export const NO_FENCE: PublishOptions = { fence: null, timeoutMs: 5_000 };

/** Publishes and expects that everything is confirmed. */
export async function publishAll(broker: Broker, batch: readonly Envelope[]): Promise<void> {
  const results = await broker.publish(batch, NO_FENCE);
  expect(kindsOf(results)).toEqual(batch.map(() => "confirmed"));
}

export function kindsOf(results: readonly PublishResult[]): string[] {
  return results.map(({ kind }) => kind);
}

/** The code with which a message was rejected, or what became of it else. */
export function fateOf(result: PublishResult | undefined): string {
  return result?.kind === "rejected" ? result.error.code : (result?.kind ?? "no result");
}

/** Makes the messages of one topic and one history: sequences count by partition, from 0. */
export function historyOf(topic: string): (change?: Partial<Envelope>) => Envelope {
  const incarnation = randomUUID();
  const next = new Map<number, number>();
  return (change) => {
    const envelope = newEnvelope({ topic, ...change });
    const sequence = next.get(envelope.partition) ?? 0;
    next.set(envelope.partition, sequence + 1);
    return { ...envelope, position: { incarnation, sequence }, ...change };
  };
}
