import type { PartitionPositions, PositionVerdict } from "../../positions/partition-positions.ts";
import type { CommitListener } from "../engine/commits.ts";
import type { QueueEngineEvent } from "../events.ts";
import type { ExchangePositions } from "./exchange-positions.ts";
import type { OrderedMessage } from "./ordered-message.ts";

/** Takes a position that was in use. */
export type ReportReuse = (event: Extract<QueueEngineEvent, { type: "engine.position-reused" }>) => void;

/** The position of one message while it is published. */
export class TakenPosition implements CommitListener {
  readonly positionsId: number;
  readonly #exchange: ExchangePositions;
  readonly #partition: PartitionPositions;
  readonly #message: OrderedMessage;
  readonly #sequence: number;
  readonly #reused: ReportReuse;
  readonly #verdict: PositionVerdict;

  constructor(
    exchange: ExchangePositions,
    message: OrderedMessage,
    position: { readonly incarnation: string; readonly sequence: number },
    reused: ReportReuse,
  ) {
    this.positionsId = exchange.id;
    this.#exchange = exchange;
    this.#partition = exchange.ledger.of(message, position.incarnation);
    this.#message = message;
    this.#sequence = position.sequence;
    this.#reused = reused;
    this.#verdict = this.#partition.check(this.#sequence, message.id);
  }

  /** Whether the same message is stored, or will be when the next flush resolves. */
  get isCopy(): boolean {
    return this.#verdict.kind === "duplicate";
  }

  /** The message goes to its queues; from now on another one is a copy. */
  begin(): void {
    const verdict = this.#verdict;
    this.#partition.begin(this.#sequence, this.#message.id);
    if (verdict.kind !== "reused") return;
    const { virtualHost, exchange } = this.#exchange;
    const { storedId } = verdict;
    const message = this.#message;
    this.#reused({
      type: "engine.position-reused",
      level: "error",
      virtualHost,
      exchange,
      message,
      storedId,
    });
  }

  stored(): void {
    this.#partition.add(this.#sequence, this.#message.id);
  }

  lost(): void {
    this.#partition.abandon(this.#sequence, this.#message.id);
  }
}
