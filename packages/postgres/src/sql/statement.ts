import { createHash } from "node:crypto";

/** One SQL statement, under a name by which a connection prepares it once. */
export interface Statement {
  readonly name: string;
  readonly text: string;
  /** Planned anew each time, for its own values: a limit that the planner does not know makes it expect too much. */
  readonly planEachTime: boolean;
}

/** Gives a statement its name, from its text. Texts hold no values; the schema is the only part that differs. */
export function statement(text: string, options: { readonly planEachTime?: boolean } = {}): Statement {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 16);
  return { name: `waybill_${hash}`, text, planEachTime: options.planEachTime ?? false };
}
