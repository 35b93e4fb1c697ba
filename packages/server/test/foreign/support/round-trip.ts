import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import type { BrokerTarget } from "../../support/broker-target.ts";
import { startProgram, type ProgramCall } from "./start-program.ts";

const COUNT = 200;
const HELD = 10;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, number) => number);

/**
 * What every client must be able to do: connect, declare, publish with confirms, be told what cannot be routed and what
 * is not there, get back properties as they were, consume and acknowledge. The broker is killed while messages are
 * confirmed and some delivered, and started again: the client connects again, and each message arrives, in order.
 */
export async function expectRoundTrip(
  broker: BrokerTarget,
  call: ProgramCall,
  missing: unknown,
): Promise<void> {
  const env = { ...call.env, AMQP_URL: broker.url, QUEUE: `foreign-${randomUUID()}`, COUNT: String(COUNT) };
  const program = startProgram({ ...call, env });
  expect(await program.event("half")).toMatchObject({
    missing,
    unroutable: true,
    propertiesSurvive: true,
    held: numbers(HELD),
  });
  await broker.kill();
  await program.event("lost");
  await broker.start();
  await program.event("reconnected");
  expect(await program.event("done")).toMatchObject({ received: numbers(COUNT), left: 0 });
  expect(await program.exitCode()).toBe(0);
}
