import { runIn, type AnyTransaction } from "./run-in.ts";

/** The effect of a note, which shows every repetition: nothing stops a second one. The same for both drivers. */
export async function applyNote(
  tx: AnyTransaction,
  note: { readonly key: string; readonly no: number },
): Promise<void> {
  const { key, no } = note;
  await runIn(tx, "insert into effect (key, no, worker) values ($1, $2, $3)", [key, no, String(process.pid)]);
  await runIn(
    tx,
    "insert into total values ($1, 1) on conflict (key) do update set effects = total.effects + 1",
    [key],
  );
}
