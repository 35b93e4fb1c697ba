import type { Knex } from "knex";
import { HANDLED_BY } from "./audit/facts.ts";
import { until } from "./until.ts";

/**
 * Committed messages that their group has not decided about yet, and messages that wait for another attempt. A group
 * records each message that it applied, so nothing is left in outbox, relay and broker when the first is 0.
 */
const COUNT_UNSETTLED = `
  select
    (
      select count(*)
      from waybill.outbox as message
      join json_each_text(?::json) as route (topic, consumer_group) on route.topic = message.topic
      where not exists (
        select from waybill.inbox as applied
        where applied.consumer_group = route.consumer_group and applied.message_id = message.message_id
      )
    )::integer as "underWay",
    (select count(*) from waybill.parked)::integer as parked`;

interface Unsettled {
  readonly underWay: number;
  readonly parked: number;
}

export interface SettleOptions {
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly onProgress: (unsettled: number) => void;
}

/** Waits until every committed message had its effects. Answers whether it came to that before the deadline. */
export async function settle(knex: Knex, options: SettleOptions): Promise<boolean> {
  const { deadlineMs, signal, onProgress } = options;
  const settled = async (): Promise<boolean> => {
    const unsettled = await countUnsettled(knex);
    onProgress(unsettled);
    return unsettled === 0;
  };
  try {
    await until(signal, settled, { deadlineMs, intervalMs: 100, describe: "all messages to settle" });
    return true;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Error && error.message.startsWith("waited")) return false;
    throw error;
  }
}

/** Messages whose effects are still to come. */
export async function countUnsettled(knex: Knex): Promise<number> {
  const { rows } = await knex.raw<{ rows: [Unsettled] }>(COUNT_UNSETTLED, [JSON.stringify(HANDLED_BY)]);
  const { underWay, parked } = rows[0];
  return underWay + parked;
}
