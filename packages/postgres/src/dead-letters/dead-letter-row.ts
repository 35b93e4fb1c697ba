import type { AuditRow, DeadLetter, DeadLetterState, FailureGroup, OrderMode } from "@waybill/core";
import type { Row } from "../connection/run.ts";
import { readEnvelope } from "../envelope-row.ts";
import { msOf, present } from "../text.ts";

/** How many columns `readDeadLetter` takes. */
export const DEAD_LETTER_COLUMNS = 27;

export function readDeadLetter(row: Row): DeadLetter {
  return {
    deadLetterId: Number(row[0]),
    group: present(row[1]),
    envelope: readEnvelope(row, 2),
    order: present(row[14]) as OrderMode,
    state: present(row[15]) as DeadLetterState,
    delivery: Number(row[16]),
    attempts: Number(row[17]),
    attemptsTotal: Number(row[18]),
    deaths: Number(row[19]),
    reason: present(row[20]),
    error: present(row[21]),
    fingerprint: present(row[22]),
    answered: row[23] === "t",
    failingSince: msOf(present(row[24])),
    diedAt: msOf(present(row[25])),
    giveUpError: row[26] ?? null,
  };
}

export function readFailureGroup(row: Row): FailureGroup {
  return {
    fingerprint: present(row[0]),
    group: present(row[1]),
    topic: present(row[2]),
    count: Number(row[3]),
    failingSince: msOf(present(row[4])),
    lastDiedAt: msOf(present(row[5])),
    example: {
      deadLetterId: Number(row[6]),
      messageId: present(row[7]),
      key: row[8] ?? null,
      reason: present(row[9]),
      error: present(row[10]),
    },
  };
}

export function readAudit(row: Row): AuditRow {
  return {
    auditId: Number(row[0]),
    act: present(row[1]) as AuditRow["act"],
    by: present(row[2]),
    reason: row[3] ?? null,
    at: msOf(present(row[4])),
    deadLetterId: Number(row[5]),
    group: present(row[6]),
    topic: present(row[7]),
    messageId: present(row[8]),
    delivery: Number(row[9]),
    before: bytesOf(row[10]),
    after: bytesOf(row[11]),
  };
}

function bytesOf(hex: string | null | undefined): Uint8Array | null {
  return hex === null || hex === undefined ? null : Buffer.from(hex, "hex");
}
