import kafkajs from "kafkajs";
import { sendComplete, type Sender } from "../kafkajs/send-complete.ts";
import type { ResolvedKafkaBrokerOptions } from "../options/kafka-broker-options.ts";
import { intoRequests } from "./divide.ts";
import type { Sendable } from "./publish-plan.ts";

/** Where messages leave: with or without a fence. */
export interface Outlet {
  /** Resolves when all are stored. On any error what has become of them is unknown, unless the error says so. */
  send(sendables: readonly Sendable[]): Promise<void>;
  /** Gives up what is under way: nothing of it may be stored any more once a later `send` has begun. */
  discard(error: Error): void;
}

export type SendOptions = Pick<ResolvedKafkaBrokerOptions, "requestTimeoutMs" | "compression">;

/** Sends in order: a request follows when the one before it was stored. */
export async function sendAll(
  sender: Sender,
  sendables: readonly Sendable[],
  { requestTimeoutMs, compression }: SendOptions,
): Promise<void> {
  const types = kafkajs.CompressionTypes;
  const options = {
    timeoutMs: requestTimeoutMs,
    compression: compression === "gzip" ? types.GZIP : types.None,
  };
  for (const request of intoRequests(sendables)) {
    await sendComplete(sender, byTopic(request), options);
  }
}

function byTopic(sendables: readonly Sendable[]): { topic: string; messages: Sendable["record"][] }[] {
  const topics = new Map<string, Sendable["record"][]>();
  for (const { place, record } of sendables) {
    const messages = topics.get(place.kafkaTopic);
    if (messages === undefined) topics.set(place.kafkaTopic, [record]);
    else messages.push(record);
  }
  return Array.from(topics, ([topic, messages]) => ({ topic, messages }));
}
