import { internals, type ConsumerGroup } from "./internals.ts";

/** Runs before a member joins its group, the first time and at every rebalance; the join waits for it. */
export type BeforeJoin = (heartbeat: () => Promise<void>) => Promise<void>;

const HOOK = Symbol("waybill: before a join");
const MENDED = Symbol("waybill: joins wait");

/**
 * kafkajs 2.2.4 joins again as soon as it hears of a rebalance, while handlers are at work: another member is given
 * their messages at the same time (#659, #1527, #1719). With this its consumers wait for the hook of their assigner.
 */
export function mendJoins(): void {
  const { prototype } = internals.ConsumerGroup;
  if (MENDED in prototype) return;
  Object.defineProperty(prototype, MENDED, { value: true });
  const join: () => Promise<void> = Reflect.get(prototype, "joinAndSync");
  prototype.joinAndSync = async function (this: ConsumerGroup): Promise<void> {
    for (const assigner of this.assigners) await hookOf(assigner)?.(() => this.heartbeat({ interval: 0 }));
    await join.call(this);
  };
}

/** Has the consumers that use this assigner wait for `hook`. */
export function withBeforeJoin<Assigner extends object>(assigner: Assigner, hook: BeforeJoin): Assigner {
  return Object.defineProperty(assigner, HOOK, { value: hook });
}

function hookOf(assigner: object): BeforeJoin | undefined {
  return Reflect.get(assigner, HOOK) as BeforeJoin | undefined;
}
