import { createHash } from "node:crypto";

/** One SQL statement, under a name by which a connection prepares it once. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** Gives a statement its name, from its text. Texts hold no values; the schema is the only part that differs. */
export function statement(text: string): Statement {
  return { name: `waybill_${createHash("sha256").update(text).digest("hex").slice(0, 16)}`, text };
}
