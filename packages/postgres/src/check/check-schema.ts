import { WaybillError } from "@waybill/core";
import { LEAF_COUNT } from "@waybill/migrations";
import { run, type Connection } from "../connection/run.ts";
import type { Parts } from "../parts.ts";
import { present } from "../text.ts";

const SERVER_VERSION_MIN = 140_000;

/** What lookups and proofs rest on. */
const INDEXES: readonly string[] = [
  "outbox_pkey",
  "outbox_xid",
  ...Array.from({ length: LEAF_COUNT }, (_, leaf) => `outbox_${leaf}_pkey`),
  ...Array.from({ length: LEAF_COUNT }, (_, leaf) => `outbox_${leaf}_xid_idx`),
  "outbox_dedup_key",
  "relay_progress_pkey",
  "relay_progress_base",
  "parked_message",
  "parked_due",
  "parked_key",
  "dead_letter_message",
  "inbox_message",
  "inbox_redelivery_message",
  "inbox_start_message",
  "parked_start_pkey",
  "inbox_position",
  "inbox_age",
  "inbox_stream_name",
];

/**
 * Refuses a server or a schema on which messages could be lost or sent twice; warns of a server that does not survive
 * a power cut.
 *
 * @throws WaybillError `STORAGE_UNAVAILABLE`, `SCHEMA_UNSAFE`
 */
export async function checkSchema<Tx>(connection: Connection, parts: Parts<Tx>): Promise<void> {
  const { check } = parts.sql;
  const [server] = await run(connection, check.server, []);
  if (Number(server?.[0]) < SERVER_VERSION_MIN) {
    throw unsafe(`the server is older than PostgreSQL 14 (server_version_num ${server?.[0]}). Update it`);
  }
  if (server?.[1] === "t") {
    throw new WaybillError(
      "STORAGE_UNAVAILABLE",
      "The server is a standby and cannot record messages: connect to the primary.",
    );
  }
  if (server?.[2] === "off" || server?.[3] === "off") warnOnce();
  const sequences = await run(connection, check.sequences, [parts.schema]);
  if (sequences.length !== 2) {
    throw unsafe(
      "the sequences outbox_id and relay_progress_id must have CACHE 1, INCREMENT 1 and NO CYCLE, or messages would be overtaken and lost. Alter them back",
    );
  }
  const valid = new Set(
    (await run(connection, check.indexes, [parts.schema])).map(([name]) => present(name)),
  );
  const lacking = INDEXES.filter((index) => !valid.has(index));
  if (lacking.length > 0) {
    throw unsafe(
      `these indexes are missing or not valid: ${lacking.join(", ")}. Create them as in: npx waybill migrate sql`,
    );
  }
}

function unsafe(why: string): WaybillError {
  return new WaybillError("SCHEMA_UNSAFE", `Waybill refuses this database: ${why}.`);
}

let warned = false;

function warnOnce(): void {
  if (warned) return;
  warned = true;
  process.emitWarning(
    "PostgreSQL runs with fsync or full_page_writes off: a power cut can lose or damage committed messages.",
    {
      code: "WAYBILL_NOT_DURABLE",
    },
  );
}
