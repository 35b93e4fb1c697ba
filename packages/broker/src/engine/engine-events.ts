import type { NativeBrokerEvent, NativeBrokerListener } from "../events.ts";

/** Tells a listener, and does not care if it throws. */
export function notify(listener: NativeBrokerListener, event: NativeBrokerEvent): void {
  try {
    listener(event);
  } catch {
    // A broken logger stops no delivery.
  }
}
