import type { OutboxRow, OutboxStore, Snapshot } from "../ports/outbox-store.ts";
import type { OpenWindow, Progress } from "../ports/relay-store.ts";

/** Some rows of a window, and where the cursor stands before and after them. */
export interface Chunk {
  readonly rows: readonly OutboxRow[];
  /** The window with `lastRowId` before the chunk. */
  readonly window: OpenWindow;
  /** The chunk is the first of a window that no progress names yet. */
  readonly opensWindow: boolean;
  /** Where the cursor stands once the chunk is settled. */
  readonly after: { readonly from: Snapshot; readonly window: OpenWindow | null };
}

/** Reads the outbox chunk by chunk, each row once. Moves in memory only; what is durable is the relay's business. */
export interface ChunkReader {
  /** The next chunk, or `null` when nothing new is visible. One query. */
  next(): Promise<Chunk | null>;
  /** Where the cursor stands in memory. */
  readonly from: Snapshot;
  /** The last answer was `null`: everything that is visible in `from` was read. */
  readonly idle: boolean;
}

/** The database that answered is not the one that the cursor was made in. */
export class ServerChanged extends Error {
  override readonly name = "ServerChanged";
}

/** What a chunk may take in memory, as far as the chunk before it tells. */
const CHUNK_BYTES = 8 * 1024 * 1024;
/** Of a message besides its payload. */
const ROW_BYTES = 512;
/** Of a reader that has seen no message yet. */
const FIRST_ROWS = 500;

/** How many rows of the size of these make a chunk. */
function rowsLike(rows: readonly OutboxRow[], rowsMax: number): number {
  let bytes = 0;
  for (const { envelope } of rows) bytes += envelope.payload.byteLength + ROW_BYTES;
  return Math.max(1, Math.min(rowsMax, Math.floor((CHUNK_BYTES * rows.length) / bytes)));
}

/** A reader that goes on where `progress` stopped. */
export function chunkReader(
  store: Pick<OutboxStore<never>, "openWindow" | "readWindow">,
  progress: Progress,
  rowsMax: number,
): ChunkReader {
  let from = progress.from;
  let window = progress.window;
  let server: string | null = null;
  let idle = false;
  let limit = Math.min(rowsMax, FIRST_ROWS);

  function chunkOf(rows: readonly OutboxRow[], current: OpenWindow, opensWindow: boolean): Chunk | null {
    const last = rows.at(-1);
    const full = rows.length >= limit;
    if (last !== undefined) limit = rowsLike(rows, rowsMax);
    if (last === undefined || !full) {
      from = current.to;
      window = null;
    } else {
      window = { ...current, lastRowId: last.rowId };
    }
    idle = last === undefined;
    if (last === undefined) return null;
    return { rows, window: current, opensWindow, after: { from, window } };
  }

  async function open(): Promise<Chunk | null> {
    const opened = await store.openWindow(from, limit);
    if (server !== null && opened.server !== server) {
      throw new ServerChanged(
        "The database server was restarted or replaced; the relay starts its term anew.",
      );
    }
    server = opened.server;
    return chunkOf(opened.rows, { from, to: opened.to, now: opened.now, lastRowId: 0 }, true);
  }

  return {
    get from() {
      return from;
    },
    get idle() {
      return idle;
    },
    async next() {
      if (window === null) return open();
      const current = window;
      const rows = await store.readWindow(current, current.lastRowId, limit);
      return chunkOf(rows, current, false) ?? open();
    },
  };
}
