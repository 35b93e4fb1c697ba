import { WaybillError } from "../errors/waybill-error.ts";
import type { Topic } from "../message/topic.ts";
import type { GiveUpHandler, GiveUpOptions, GiveUpRegistration } from "./on-give-up.ts";
import { GIVE_UP_RETRY } from "./run-give-ups.ts";

/** Registers what answers the messages of a topic that are given up. */
export type OnGiveUp<Tx> = <T extends Topic>(
  topic: T,
  handler: GiveUpHandler<Tx, T>,
  options?: GiveUpOptions,
) => void;

/** The `onGiveUp` handlers of one process, one per topic. */
export interface GiveUpHandlers<Tx> {
  readonly on: OnGiveUp<Tx>;
  registrations(): readonly GiveUpRegistration<Tx>[];
}

export function giveUpHandlers<Tx>(mayRegister: () => boolean): GiveUpHandlers<Tx> {
  const all = new Map<string, GiveUpRegistration<Tx>>();
  return {
    on(topic, handle, { retry = GIVE_UP_RETRY } = {}) {
      if (!mayRegister()) throw refused(topic, "register it before start");
      if (all.has(topic.name)) throw refused(topic, "it has a handler already");
      // A registration is only ever used with payloads decoded by its own topic.
      all.set(topic.name, { topic, handle, retry } as unknown as GiveUpRegistration<Tx>);
    },
    registrations: () => [...all.values()],
  };
}

function refused(topic: Topic, why: string): WaybillError {
  return new WaybillError("OPTIONS_INVALID", `onGiveUp for ${topic.name}: ${why}.`);
}
