import type { MessageRef } from "./events.ts";

/** What every event has, of Waybill and of the brokers. `level` says how much attention it wants. */
export interface ReportedEvent {
  readonly type: string;
  readonly level: "debug" | "info" | "warn" | "error";
}

/** An event, of Waybill or of a broker, as plain data: errors as text, messages by what names them. */
export function describeEvent(event: ReportedEvent): Record<string, unknown> {
  const plain: Record<string, unknown> = { ...event };
  if (plain["error"] instanceof Error) plain["error"] = plain["error"].message;
  if (plain["message"] !== undefined) {
    const { id, source, topic, key, partition, position } = plain["message"] as MessageRef;
    plain["message"] = { id, source, topic, key, partition, position };
  }
  return plain;
}
