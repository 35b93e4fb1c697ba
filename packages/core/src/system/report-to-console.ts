import { describeEvent } from "../ports/describe-event.ts";
import type { EventListener } from "../ports/events.ts";

/** Writes warnings and errors as one JSON line each to standard error. Payloads and headers never appear. */
export const reportToConsole: EventListener = (event) => {
  if (event.level === "warn" || event.level === "error") console.error(JSON.stringify(describeEvent(event)));
};

/** A listener that throws must not stop a delivery: what it throws is said once per event, and forgotten. */
export function guarded(listener: EventListener): EventListener {
  return (event) => {
    try {
      listener(event);
    } catch (error) {
      console.error("Waybill: an event listener threw", error);
    }
  };
}
