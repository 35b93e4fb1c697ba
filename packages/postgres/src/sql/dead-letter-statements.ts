import { ENVELOPE_COLUMNS } from "./envelope-columns.ts";
import { statement, type Statement } from "./statement.ts";

export interface DeadLetterStatements {
  readonly add: Statement;
  readonly list: Statement;
}

export function deadLetterStatements(schema: string): DeadLetterStatements {
  return {
    add: statement(`select ${schema}.dead_letter_add($1)`),
    list: statement(`select p.id, p.consumer_group, ${ENVELOPE_COLUMNS}, p.attempts, p.reason, p.error, date_part('epoch', p.died_at)
from ${schema}.dead_letter p
order by p.id desc limit $1`),
  };
}
