import { defineTopic } from "@waybill/core";
import { z } from "zod";

/** A message of the benchmarks. */
export const Measured = defineTopic("measured", {
  version: 1,
  schema: z.object({ key: z.string(), at: z.number(), filler: z.string() }),
  key: (message) => message.key,
});

/** A payload of about `bytes` bytes as JSON. */
export function payloadOf(bytes: number, key: string, at = 0): { key: string; at: number; filler: string } {
  const bare = JSON.stringify({ key, at, filler: "" }).length;
  return { key, at, filler: "x".repeat(Math.max(0, bytes - bare)) };
}
