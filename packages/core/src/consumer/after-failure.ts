import { exponential } from "../retry/retry-policy.ts";
import type { ApplyParts, Work } from "./application.ts";
import { decide } from "./failure.ts";

const FALLBACK_RETRY = exponential({ firstMs: 1_000, maxMs: 60_000, attempts: 12 });

/** What follows when not the handler but its whole transaction failed, at COMMIT for instance. */
export function afterFailure<Tx>(thrown: unknown, work: Work, parts: ApplyParts<Tx>): Work {
  const failed = work.failed + 1;
  const retry = parts.registrations.get(work.envelope.topic)?.retry ?? FALLBACK_RETRY;
  const decision = decide(thrown, failed, retry, parts.random.fraction());
  return { ...work, failed, decision: decision.kind === "again" ? null : decision };
}
