import type { SendOptions, Waybill } from "@waybill/core";
import { Noted } from "./noted.ts";
import { runIn, type AnyTransaction } from "./run-in.ts";

/**
 * Takes the next note of a key in `tx`: the key's counter is updated first, so that transactions of one key exclude each
 * other before they send. Answers its number.
 */
export async function takeNote<Tx extends AnyTransaction>(
  tx: Tx,
  waybill: Pick<Waybill<Tx>, "send">,
  key: string,
  options: { readonly nested?: boolean; readonly send?: SendOptions } = {},
): Promise<number> {
  const [counted] = await runIn<{ last: number }>(
    tx,
    "insert into counter values ($1, 1) on conflict (key) do update set last = counter.last + 1 returning last",
    [key],
  );
  const no = counted?.last ?? 0;
  await runIn(tx, "insert into noted values ($1, $2)", [key, no]);
  if (options.nested === true) await runIn(tx, "savepoint inner_part");
  await waybill.send(tx, Noted, { key, no }, options.send);
  if (options.nested === true) await runIn(tx, "release savepoint inner_part");
  return no;
}
