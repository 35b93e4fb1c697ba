import type { Statement } from "../sql/statement.ts";

/** What a prepared statement takes on the wire here: text. */
export type TextValue = string | null;

/** A statement with what it takes. */
export interface Step {
  readonly statement: Statement;
  readonly values: readonly TextValue[];
}

/** Of one UTF-16 code unit. */
const UTF8_BYTES_MAX = 3;
const SYNC = Buffer.from([0x53, 0, 0, 0, 4]);
const NOTHING = Buffer.alloc(0);
const EXECUTE = Buffer.from([0x45, 0, 0, 0, 9, 0, 0, 0, 0, 0]);

/**
 * Like `executeBytes`, and prepares these statements on the way, each right before it runs first: what is analysed before
 * a BEGIN takes a snapshot, and the server then refuses another isolation level than the session's own.
 */
export function preparingBytes(steps: readonly Step[], unknown: readonly Statement[]): Buffer {
  const left = new Set(unknown);
  const pieces = steps.flatMap((step) => {
    const bytes = executeBytes([step], NOTHING);
    return left.delete(step.statement) ? [parseBytes(step.statement), bytes] : [bytes];
  });
  return Buffer.concat([...pieces, SYNC]);
}

/** Parse: gives a statement its name in the session. */
function parseBytes({ name, text }: Statement): Buffer {
  const body = Buffer.concat([Buffer.from(`${name}\0${text}\0`), Buffer.from([0, 0])]);
  return Buffer.concat([head(0x50, body.length), body]);
}

/**
 * Binds and executes prepared statements in turn, under one Sync, in one piece: the first that fails makes the server
 * skip the others. Rows come back as text.
 */
export function executeBytes(steps: readonly Step[], end: Buffer = SYNC): Buffer {
  let room = end.length;
  for (const step of steps) room += bindRoom(step) + EXECUTE.length;
  const bytes = Buffer.allocUnsafe(room);
  let at = 0;
  for (const step of steps) {
    at = writeBind(bytes, at, step);
    at += EXECUTE.copy(bytes, at);
  }
  at += end.copy(bytes, at);
  return bytes.subarray(0, at);
}

/**
 * Type, length, unnamed portal, statement, no formats, values, no formats, at most: counting the bytes of a text costs
 * more than writing it.
 */
function bindRoom({ statement, values }: Step): number {
  let room = 1 + 4 + 1 + statement.name.length + 1 + 2 + 2 + 2;
  for (const value of values) room += 4 + (value === null ? 0 : value.length * UTF8_BYTES_MAX);
  return room;
}

function writeBind(bytes: Buffer, start: number, { statement, values }: Step): number {
  let at = start;
  bytes[at] = 0x42;
  bytes[at + 5] = 0;
  at += 6;
  at += bytes.write(statement.name, at, "latin1");
  bytes[at] = 0;
  at = bytes.writeInt16BE(0, at + 1);
  at = bytes.writeInt16BE(values.length, at);
  for (const value of values) {
    if (value === null) {
      at = bytes.writeInt32BE(-1, at);
      continue;
    }
    const length = bytes.write(value, at + 4);
    bytes.writeInt32BE(length, at);
    at += 4 + length;
  }
  at = bytes.writeInt16BE(0, at);
  bytes.writeInt32BE(at - start - 1, start + 1);
  return at;
}

function head(type: number, bodyLength: number): Buffer {
  const bytes = Buffer.allocUnsafe(5);
  bytes[0] = type;
  bytes.writeInt32BE(4 + bodyLength, 1);
  return bytes;
}
