import { errorKind, isForbidden } from "./error-kind.ts";
import { type BrokerPool, internals } from "./internals.ts";

const MENDED = Symbol("waybill: refusals are said");

type WithBroker = BrokerPool["withBroker"];

/**
 * kafkajs 2.2.4 asks one node after the other and forgets what they said: who lacks a right is told that no group
 * coordinator was found. With this the refusal itself is thrown when no node did what was asked.
 */
export function mendRefusals(): void {
  const { prototype } = internals.BrokerPool;
  if (MENDED in prototype) return;
  Object.defineProperty(prototype, MENDED, { value: true });
  const withBroker: WithBroker = Reflect.get(prototype, "withBroker");
  prototype.withBroker = async function <T>(
    this: BrokerPool,
    ask: (node: unknown) => Promise<T>,
  ): Promise<T | null> {
    const refusals: unknown[] = [];
    const answer = await withBroker.call(this, async (node) => {
      try {
        return await ask(node);
      } catch (error) {
        if (isForbidden(errorKind(error))) refusals.push(error);
        throw error;
      }
    });
    if (answer === null && refusals.length > 0) throw refusals[0];
    return answer as T | null;
  };
}
