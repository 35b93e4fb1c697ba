import { MIGRATION_TABLE } from "@waybill/migrations";
import { statement, type Statement } from "./statement.ts";

export interface RebaseStatements {
  readonly subscriptions: Statement;
  readonly raiseSequences: Statement;
}

const WITH_IDENTITY = ["parked", "dead_letter", "inbox_stream", MIGRATION_TABLE];

export function rebaseStatements(schema: string): RebaseStatements {
  return {
    subscriptions: statement(`select distinct s.subname
from pg_subscription s join pg_subscription_rel r on r.srsubid = s.oid
  join pg_class c on c.oid = r.srrelid join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1`),
    raiseSequences: statement(raiseSequences(schema)),
  };
}

/** Logical replication brings rows and no sequences: each that is behind its table goes to the newest row. */
function raiseSequences(schema: string): string {
  const name = schema.replaceAll("'", "''");
  const named = ["outbox", "relay_progress"].map(
    (table) => `('${name}.${table}_id', (select max(id) from ${schema}.${table}))`,
  );
  const owned = WITH_IDENTITY.map(
    (table) => `(pg_get_serial_sequence('${name}.${table}', 'id'), (select max(id) from ${schema}.${table}))`,
  );
  return `select setval(s.name::regclass, s.top)
from (values ${[...named, ...owned].join(",\n  ")}) as s(name, top)
where s.top > coalesce(pg_sequence_last_value(s.name::regclass), 0)`;
}
