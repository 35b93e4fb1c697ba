import { quotedIdentifier } from "@waybill/migrations";
import { checkStatements, type CheckStatements } from "./check-statements.ts";
import { deadLetterStatements, type DeadLetterStatements } from "./dead-letter-statements.ts";
import { inboxStatements, type InboxStatements } from "./inbox-statements.ts";
import { jobStatements, type JobStatements } from "./job-statements.ts";
import { outboxStatements, type OutboxStatements } from "./outbox-statements.ts";
import { parkedStatements, type ParkedStatements } from "./parked-statements.ts";
import { purgeStatements, type PurgeStatements } from "./purge-statements.ts";
import { rebaseStatements, type RebaseStatements } from "./rebase-statements.ts";
import { relayStatements, type RelayStatements } from "./relay-statements.ts";

/** Every statement of the storage, made once per schema. */
export interface AllStatements {
  readonly check: CheckStatements;
  readonly deadLetters: DeadLetterStatements;
  readonly inbox: InboxStatements;
  readonly jobs: JobStatements;
  readonly outbox: OutboxStatements;
  readonly parked: ParkedStatements;
  readonly purge: PurgeStatements;
  readonly rebase: RebaseStatements;
  readonly relay: RelayStatements;
}

/** @param schemaName not quoted; anything that can be a schema */
export function allStatements(schemaName: string): AllStatements {
  const schema = quotedIdentifier(schemaName);
  return {
    check: checkStatements(schema),
    deadLetters: deadLetterStatements(schema),
    inbox: inboxStatements(schema),
    jobs: jobStatements(schema),
    outbox: outboxStatements(schema),
    parked: parkedStatements(schema),
    purge: purgeStatements(schema),
    rebase: rebaseStatements(schema),
    relay: relayStatements(schema),
  };
}
