import { decodeContent } from "../records/content-record.ts";
import type { PositionsChange } from "../records/positions-record.ts";
import { ExchangePositions } from "./exchange-positions.ts";
import { readOrderedMessage } from "./ordered-message.ts";

/** So that a record is smaller than the largest message may be, whatever that is. */
const RANGES_PER_RECORD_MAX = 500;
const IDS_PER_RECORD_MAX = 32;

/** The positions of every exchange by their number. */
export class AllPositions {
  /** Numbers are never given twice: stored messages go on naming those that are gone. */
  lastId = 0;
  readonly #open = new Map<number, ExchangePositions>();

  find(id: number): ExchangePositions | undefined {
    return this.#open.get(id);
  }

  open(virtualHost: string, exchange: string): ExchangePositions {
    return this.add(this.lastId + 1, virtualHost, exchange);
  }

  add(id: number, virtualHost: string, exchange: string): ExchangePositions {
    this.sawId(id);
    const positions = new ExchangePositions(id, virtualHost, exchange);
    this.#open.set(id, positions);
    return positions;
  }

  /** The exchange is gone. */
  close(positions: ExchangePositions): void {
    positions.isOver = true;
    this.#open.delete(positions.id);
  }

  sawId(id: number): void {
    this.lastId = Math.max(this.lastId, id);
  }

  /** A message is in the log, and with it its position and its id are known. */
  storedMessage(id: number, data: Buffer): void {
    this.sawId(id);
    const positions = this.#open.get(id);
    if (positions === undefined) return;
    const { routingKey, properties } = decodeContent(data);
    const message = readOrderedMessage(routingKey, properties);
    if (message === null || message.position === null) return;
    const { incarnation, sequence } = message.position;
    positions.ledger.of(message, incarnation).add(sequence, message.id);
  }

  /** Everything as records, each exchange before what it holds. */
  *snapshot(): Generator<PositionsChange> {
    for (const { id, virtualHost, exchange, fences, ledger } of this.#open.values()) {
      yield { op: "open", id, virtualHost, exchange };
      for (const fence of fences) yield { op: "fence", id, virtualHost, exchange, ...fence };
      for (const stored of ledger.snapshot(RANGES_PER_RECORD_MAX)) yield { op: "stored", id, ...stored };
      for (const stored of ledger.ids(IDS_PER_RECORD_MAX)) yield { op: "ids", id, ...stored };
    }
  }
}
