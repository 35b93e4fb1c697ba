import type { InstrumentationEvent, Producer } from "kafkajs";

type Listener = (event: InstrumentationEvent<null>) => void;

/** The events of a producer that is never connected: whoever waits for the connection is told all the same. */
export interface ConnectionEvents {
  readonly on: Producer["on"];
  tell(eventName: string): void;
}

/**
 * Listeners for connecting and disconnecting are kept and told here. A listener for any other event (of requests, say) is
 * given to `producer` as kafkajs expects, and waits in vain: a producer that is never connected sends no request.
 */
export function connectionEvents(producer: Producer): ConnectionEvents {
  const { CONNECT, DISCONNECT } = producer.events;
  const listeners = new Map<string, Set<Listener>>([
    [CONNECT, new Set()],
    [DISCONNECT, new Set()],
  ]);
  let told = 0;

  const on = (eventName: string, listener: Listener): (() => void) => {
    const own = listeners.get(eventName);
    if (own === undefined) return producer.on(eventName as typeof CONNECT, listener);
    own.add(listener);
    return () => void own.delete(listener);
  };

  return {
    on: on as Producer["on"],
    tell(eventName) {
      told += 1;
      const event = { id: String(told), type: eventName, timestamp: Date.now(), payload: null };
      for (const listener of listeners.get(eventName) ?? []) {
        try {
          listener(event);
        } catch (error) {
          producer.logger().error(`Failed to execute listener: ${String(error)}`, { eventName });
        }
      }
    },
  };
}
