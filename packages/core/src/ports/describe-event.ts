import type { WaybillEvent } from "./events.ts";

/** An event as plain data: errors as text, messages by what names them. */
export function describeEvent(event: WaybillEvent): Record<string, unknown> {
  const plain: Record<string, unknown> = { ...event };
  if ("error" in event && event.error instanceof Error) plain["error"] = event.error.message;
  if ("message" in event) {
    const { id, source, topic, key, partition, position } = event.message;
    plain["message"] = { id, source, topic, key, partition, position };
  }
  return plain;
}
