import type { Database } from "./connection/database.ts";
import type { Floors } from "./outbox/floors.ts";
import type { AllStatements } from "./sql/all-statements.ts";

/** What the stores of one storage share. */
export interface Parts<Tx> {
  readonly database: Database<Tx>;
  /** The schema's name, not quoted. */
  readonly schema: string;
  readonly sql: AllStatements;
  readonly floors: Floors;
}
