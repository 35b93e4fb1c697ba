import { z } from "zod";
import type { Broker } from "../ports/broker.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventListener } from "../ports/events.ts";
import type { Random } from "../ports/random.ts";
import { systemClock } from "../system/system-clock.ts";
import { systemRandom } from "../system/system-random.ts";

const given = (value: unknown): boolean => typeof value === "object" && value !== null;
const callable = (value: unknown): boolean => typeof value === "function";
const broker = z.custom<Broker>(given, "give a Broker");

export const bridgeOptionsSchema = z
  .strictObject({
    from: broker,
    to: broker,
    groups: z
      .record(z.string().min(1), z.array(z.string().min(1)).min(1).readonly())
      .refine((groups) => Object.keys(groups).length > 0, "name at least one group"),
    untilIdleMs: z.int().min(10).max(86_400_000).optional(),
    signal: z.instanceof(AbortSignal).optional(),
    prefetch: z.int().min(1).max(65_535).default(1_000),
    publishTimeoutMs: z.int().min(10).max(600_000).default(10_000),
    attempts: z.int().min(1).max(1_000).default(5),
    pauseMaxMs: z.int().min(1).max(600_000).default(5_000),
    stopDeadlineMs: z.int().min(0).max(600_000).default(10_000),
    onEvent: z.custom<EventListener>(callable, "give a function").default(() => () => undefined),
    clock: z.custom<Clock>(given, "give a Clock").default(systemClock),
    random: z.custom<Random>(given, "give a Random").default(systemRandom),
  })
  .refine(({ from, to }) => from !== to, { path: ["to"], message: "it is the broker that is read from" });

export type ResolvedBridgeOptions = z.output<typeof bridgeOptionsSchema>;

export interface BridgeOptions {
  /** The broker that is read. Its groups must have no other consumers meanwhile. */
  readonly from: Broker;
  /** The broker that is published to. */
  readonly to: Broker;
  /** The groups whose messages move, each with its topics. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
  /** Ends when nothing was left to do for so long, with the source being up. Default: until `signal`. Milliseconds. */
  readonly untilIdleMs?: number;
  /** Ends the bridge: what was read is finished if it can be, the rest stays at the source. */
  readonly signal?: AbortSignal;
  /** Messages of each group that may be on their way at once. Default 1,000. */
  readonly prefetch?: number;
  /** What the target has not confirmed by then is published again. Milliseconds, default 10,000. */
  readonly publishTimeoutMs?: number;
  /** How often a message is tried that the target refuses for now. Outages count for nothing. Default 5. */
  readonly attempts?: number;
  /** Longest pause while the target is away. Milliseconds, default 5,000. */
  readonly pauseMaxMs?: number;
  /** How long the end waits for what is on its way. Milliseconds, default 10,000. */
  readonly stopDeadlineMs?: number;
  readonly onEvent?: EventListener;
  readonly clock?: Clock;
  readonly random?: Random;
}
