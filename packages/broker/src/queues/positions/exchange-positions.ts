import { Fences } from "../../positions/fences.ts";
import { PositionLedger } from "../../positions/position-ledger.ts";

/** As much as a few large services need; what is forgotten is stored again when it comes again. */
const LIMITS = { partitionsMax: 65_536, rangesMax: 4_096, idsMax: 65_536 } as const;

/**
 * What fenced publishers have stored through one exchange, and which of their epochs may go on. It ends with its
 * exchange.
 */
export class ExchangePositions {
  /** Stored messages name it by this number, which nothing else ever gets. */
  readonly id: number;
  readonly virtualHost: string;
  readonly exchange: string;
  readonly fences = new Fences();
  readonly ledger = new PositionLedger(LIMITS);
  /** Its number is on disk. */
  isRecorded = false;
  /** Its exchange was deleted. */
  isOver = false;

  constructor(id: number, virtualHost: string, exchange: string) {
    this.id = id;
    this.virtualHost = virtualHost;
    this.exchange = exchange;
  }
}
