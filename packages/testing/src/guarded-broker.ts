import type { Broker, Delivery, SubscribeOptions, Subscription, Verdict } from "@waybill/core";
import type { Activity } from "./activity.ts";
import { guardedPort } from "./guarded-port.ts";
import { describe, type Journal } from "./journal.ts";
import { never, type Life } from "./life.ts";

/** The group that takes the messages which the bed's process relays but does not handle. */
const ELSEWHERE = "waybill-test-bed-elsewhere";

/** A group of a process that takes deliveries. */
export interface LiveGroup {
  readonly group: string;
  readonly deliver: (delivery: Delivery) => Promise<Verdict>;
  paused: boolean;
}

export interface GuardedBrokerParts {
  readonly life: Life;
  readonly journal: Journal;
  readonly activity: Activity;
  /** Topics that are handled by other services. */
  readonly elsewhere: readonly string[];
  readonly onSubscribed: (group: LiveGroup) => void;
}

/** The broker as one process sees it: every await may be its last, and a dead process has lost its connection. */
export function guardedBroker(broker: Broker, parts: GuardedBrokerParts): Broker {
  const { life, journal } = parts;
  return guardedPort(broker, "broker", life, {
    instead: {
      async open() {
        await broker.open();
        if (parts.elsewhere.length > 0) await broker.declareGroup(ELSEWHERE, parts.elsewhere);
      },
      declareGroup(group, topics) {
        journal.hasGroup(group, topics);
        return broker.declareGroup(group, topics);
      },
      async publish(batch, options) {
        const results = await broker.publish(batch, options);
        journal.published(batch, results);
        return results;
      },
      subscribe: (options, onDelivery) => subscribe(broker, parts, options, onDelivery),
      // The broker outlives its processes; the bed disposes of it.
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    names: { publish: { before: () => "before-publish", after: () => "after-publish" } },
  });
}

async function subscribe(
  broker: Broker,
  parts: GuardedBrokerParts,
  options: SubscribeOptions,
  onDelivery: (delivery: Delivery) => Promise<Verdict>,
): Promise<Subscription> {
  const { life, activity } = parts;
  const { group } = options;
  parts.journal.hasGroup(group, options.topics);
  const deliver = (delivery: Delivery): Promise<Verdict> =>
    guardedDelivery(parts, group, delivery, onDelivery);
  const live: LiveGroup = { group, deliver, paused: false };
  const subscription = await broker.subscribe(options, deliver);
  const cut = (): void => {
    const ended = activity.call(`cutting the connection of group ${group}`);
    subscription.close({ deadlineMs: 0 }).then(ended, ended);
  };
  const keep = life.onDeath(cut);
  parts.onSubscribed(live);
  return {
    pause() {
      live.paused = true;
      subscription.pause();
    },
    resume() {
      live.paused = false;
      subscription.resume();
    },
    close(closing) {
      keep();
      return life.pass("broker.close", () => subscription.close(closing));
    },
  };
}

async function guardedDelivery(
  parts: GuardedBrokerParts,
  group: string,
  delivery: Delivery,
  onDelivery: (delivery: Delivery) => Promise<Verdict>,
): Promise<Verdict> {
  const { life, journal, activity } = parts;
  const { envelope } = delivery;
  if (life.dead) return never();
  journal.deliveredTo({ group, envelope });
  const ended = activity.delivery(`group ${group} with ${describe(envelope)}`);
  const forget = life.onDeath(ended);
  try {
    if (life.reach("broker.delivery", "before")) return await never();
    const verdict = await onDelivery(delivery);
    if (life.dead) return await never();
    if (verdict.kind === "requeue") return verdict;
    if (life.reach("broker.ack", "before", "before-ack")) return await never();
    journal.ackedBy({ group, envelope });
    return verdict;
  } finally {
    ended();
    forget();
  }
}
