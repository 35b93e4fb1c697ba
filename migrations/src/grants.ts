import {
  LEAF_COUNT,
  migrationContext,
  quotedIdentifier,
  type MigrationOptions,
} from "./migration-options.ts";
import { MIGRATION_TABLE } from "./migration-table.ts";

export interface GrantOptions extends Pick<MigrationOptions, "schema"> {
  /** An existing role that may record messages, and nothing else. */
  readonly producer?: string;
  /** An existing role that relays, consumes and purges. It may also record messages. */
  readonly worker?: string;
}

/**
 * Statements that give roles what they need and no more. A producer can insert into the outbox and read the settings:
 * it can neither read messages nor change or delete any.
 *
 * @throws RangeError when a name cannot be a role
 */
export function grantStatements(options: GrantOptions): readonly string[] {
  const { schema } = migrationContext({
    source: "any",
    ...(options.schema === undefined ? {} : { schema: options.schema }),
  });
  const statements: string[] = [];
  if (options.producer !== undefined)
    statements.push(...producerGrants(schema, quotedIdentifier(options.producer)));
  if (options.worker !== undefined)
    statements.push(...workerGrants(schema, quotedIdentifier(options.worker)));
  return statements;
}

function leavesOf(schema: string): string {
  return Array.from({ length: LEAF_COUNT }, (_, leaf) => `${schema}.outbox_${leaf}`).join(", ");
}

function producerGrants(schema: string, role: string): string[] {
  return [
    `grant usage on schema ${schema} to ${role}`,
    `grant select on ${schema}.settings, ${schema}.${MIGRATION_TABLE} to ${role}`,
    `grant insert on ${schema}.outbox, ${leavesOf(schema)} to ${role}`,
    `grant select, insert on ${schema}.outbox_dedup to ${role}`,
    `grant usage on sequence ${schema}.outbox_id to ${role}`,
  ];
}

function workerGrants(schema: string, role: string): string[] {
  const progress = [`${schema}.relay_progress_0`, `${schema}.relay_progress_1`];
  return [
    ...producerGrants(schema, role),
    `grant select, update on ${schema}.outbox to ${role}`,
    `grant select, update, delete on ${schema}.outbox_dedup to ${role}`,
    `grant select, truncate on ${leavesOf(schema)} to ${role}`,
    `grant select on sequence ${schema}.outbox_id to ${role}`,
    `grant select, update on ${schema}.relay_lease to ${role}`,
    `grant select, insert, update on ${schema}.relay_run to ${role}`,
    `grant select, insert on ${schema}.relay_progress to ${role}`,
    `grant select, truncate on ${progress.join(", ")} to ${role}`,
    `grant usage, select on sequence ${schema}.relay_progress_id to ${role}`,
    `grant select, insert, update, delete on ${schema}.parked, ${schema}.parked_start, ${schema}.inbox_stream, ${schema}.inbox, ${schema}.inbox_redelivery, ${schema}.inbox_start, ${schema}.job to ${role}`,
    `grant select, insert, update on ${schema}.dead_letter to ${role}`,
    `grant select, insert on ${schema}.dead_letter_audit to ${role}`,
  ];
}
