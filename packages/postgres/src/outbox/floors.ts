import type { Snapshot } from "@waybill/core";

interface Floor {
  /** The newest place of the outbox, read before `xid` was given. */
  readonly rowId: number;
  /** The id of a transaction that has ended. */
  readonly xid: bigint;
}

const FLOORS_MAX = 8;

/**
 * From where a scan by place may start.
 *
 * Whoever took a place up to `rowId` had a transaction id before (column order, no sequence cache), so before `xid`
 * was given. Once `xid` ended, every snapshot taken has a higher xmax. So in a window from such a snapshot, no row up
 * to the floor belongs to a transaction from its xmax on. A floor that is not checked against `xid` loses rows.
 */
export class Floors {
  #newestRowId = 0;
  #floors: Floor[] = [];

  /** The floor for a window from this snapshot; 0 when none is known. */
  for(from: Snapshot): number {
    const xmax = BigInt(from.split(":")[1] ?? "0");
    return this.#floors.find((floor) => floor.xid < xmax)?.rowId ?? 0;
  }

  /** The outbox was read, and its newest place was `rowId`. */
  sawNewest(rowId: number): void {
    this.#newestRowId = rowId;
  }

  /** What a transaction that begins now may claim as its floor. */
  get newestRowId(): number {
    return this.#newestRowId;
  }

  /** A transaction that began after `rowId` was the newest place has ended. */
  ended(xid: bigint, rowId: number): void {
    this.#floors.unshift({ rowId, xid });
    this.#floors.length = Math.min(this.#floors.length, FLOORS_MAX);
  }

  /** Another history, or another run of the server: nothing learned holds. */
  forget(): void {
    this.#newestRowId = 0;
    this.#floors = [];
  }
}
