import { WaybillError, type OutboxRow, type Snapshot } from "@waybill/core";
import type { Row } from "../connection/run.ts";
import { msOf, msOrNull, present } from "../text.ts";

/** What a reading statement says about itself, in the same snapshot as its rows. */
export interface Facts {
  readonly snapshot: Snapshot;
  readonly server: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The newest place of the outbox, for statements that ask for it. */
  readonly newestRowId: number;
}

/**
 * Splits an answer into its facts and its rows, in the order of their places.
 *
 * @throws WaybillError `STORAGE_FAILED` when the guard was violated: rows may be missing from such an answer
 */
export function readAnswer(
  answer: readonly Row[],
  source: string,
): { facts: Facts; rows: readonly OutboxRow[] } {
  const rows: OutboxRow[] = [];
  let facts: Facts | undefined;
  let last = -1;
  let ascending = true;
  for (const row of answer) {
    if (row[0] === null) {
      facts = readFacts(row);
      continue;
    }
    const read = readRow(row, source);
    ascending &&= read.rowId > last;
    last = read.rowId;
    rows.push(read);
  }
  if (facts === undefined) throw new Error("the answer has no facts");
  if (!ascending) rows.sort((a, b) => a.rowId - b.rowId);
  return { facts, rows };
}

function readFacts(row: Row): Facts {
  if (row[1] !== "true") {
    const message =
      "The outbox was read on a standby, or inside a transaction that has written: rows would be lost. Connect the relay to the primary, by a pool of its own.";
    throw new WaybillError("STORAGE_FAILED", message);
  }
  return {
    snapshot: present(row[3]),
    newestRowId: Number(row[6]),
    server: present(row[7]),
    now: Math.floor(Number(row[9]) * 1000),
  };
}

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

function readRow(row: Row, source: string): OutboxRow {
  const headers = row[6] ?? null;
  return {
    rowId: Number(row[0]),
    envelope: {
      id: present(row[5]),
      source,
      topic: present(row[1]),
      version: Number(row[2]),
      key: row[3] ?? null,
      partition: Number(row[4]),
      headers: headers === null ? NO_HEADERS : (JSON.parse(headers) as Record<string, string>),
      contentType: present(row[7]),
      payload: Buffer.from(present(row[8]), "hex"),
      createdAt: msOf(present(row[9])),
      position: null,
    },
    deliverAt: msOrNull(row[10]),
    expiresAt: msOrNull(row[11]),
  };
}
