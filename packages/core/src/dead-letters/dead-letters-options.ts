import { z } from "zod";
import type { DeadLetterState } from "../ports/dead-letter-store.ts";

const BY_MAX = 200;
const REASON_MAX = 2_000;
const STATES = ["dead", "retrying", "recovered", "discarded"] as const satisfies readonly DeadLetterState[];

/** Letters of one act at most; what is left over is said. */
const CHOSEN_MAX = 100_000;

const id = z.int().min(1);
const page = { limit: z.int().min(1).max(1_000).default(100) };
const by = z.string().trim().min(1).max(BY_MAX);
const reason = z.string().trim().min(1).max(REASON_MAX);
const chosen = {
  group: z.string().optional(),
  topic: z.string().optional(),
  fingerprint: z.string().optional(),
};

export const selectionSchema = z.union([
  id,
  z.literal("all"),
  z.strictObject(chosen).refine((one) => Object.values(one).some((value) => value !== undefined), {
    error: 'name a group, topic or fingerprint, or say "all"',
  }),
]);

export const listSchema = z.strictObject({
  ...page,
  ...chosen,
  state: z.union([z.enum(STATES), z.literal("any")]).default("dead"),
  after: id.optional(),
});

export const retrySchema = z.strictObject({
  by,
  reason: reason.optional(),
  perSecond: z.number().positive().max(100_000).optional(),
  limit: z.int().min(1).max(CHOSEN_MAX).default(10_000),
  answered: z.boolean().default(false),
});

export const actSchema = z.strictObject({ by, reason });

export const discardSchema = z.strictObject({
  by,
  reason,
  limit: z.int().min(1).max(CHOSEN_MAX).default(10_000),
});

export const auditSchema = z.strictObject({ ...page, id: id.optional() });
