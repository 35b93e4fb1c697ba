import type { Envelope } from "@waybill/core";
import type { Row } from "./connection/run.ts";
import { msOf, present, storable } from "./text.ts";

/** A message from the columns of `ENVELOPE_COLUMNS`, which start at `at`. */
export function readEnvelope(row: Row, at: number): Envelope {
  const incarnation = row[at + 10] ?? null;
  return {
    id: present(row[at]),
    source: present(row[at + 1]),
    topic: present(row[at + 2]),
    version: Number(row[at + 3]),
    key: row[at + 4] ?? null,
    partition: Number(row[at + 5]),
    headers: JSON.parse(present(row[at + 6])) as Record<string, string>,
    contentType: present(row[at + 7]),
    payload: Buffer.from(present(row[at + 8]), "hex"),
    createdAt: msOf(present(row[at + 9])),
    position: incarnation === null ? null : { incarnation, sequence: Number(row[at + 11]) },
  };
}

/** A message as `parked_add` and `dead_letter_add` read it. */
export function envelopeJson(envelope: Envelope): Record<string, unknown> {
  const { payload, position } = envelope;
  return {
    id: storable(envelope.id),
    source: storable(envelope.source),
    topic: storable(envelope.topic),
    version: envelope.version,
    key: envelope.key === null ? null : storable(envelope.key),
    partition: envelope.partition,
    headers: Object.fromEntries(
      Object.entries(envelope.headers).map(([name, value]) => [storable(name), storable(value)]),
    ),
    content_type: storable(envelope.contentType),
    payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("base64"),
    created_at: envelope.createdAt,
    incarnation: position?.incarnation ?? null,
    sequence: position?.sequence ?? null,
  };
}
