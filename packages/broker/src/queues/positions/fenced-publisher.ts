import type { KnownEpoch } from "../../positions/fences.ts";
import type { FenceMessage, Publication, PublishVerdict } from "../contract.ts";
import { RefusalError } from "../refusal.ts";
import type { ExchangePositions } from "./exchange-positions.ts";
import type { OrderedMessage } from "./ordered-message.ts";
import { readOrderedMessage } from "./ordered-message.ts";
import type { FenceJournal } from "./raise-fence.ts";
import { raiseFence } from "./raise-fence.ts";
import type { ReportReuse } from "./taken-position.ts";
import { TakenPosition } from "./taken-position.ts";

/** Orders that a client may leave refused without having seen it. */
const REFUSED_MAX = 65_536;

/** What a fenced publisher needs from its virtual host. */
export interface FencedHost {
  readonly name: string;
  readonly services: FenceJournal & { readonly positionReused: ReportReuse };
  /** @throws Refusal 403, 404, 406 */
  publish(publication: Publication, position: TakenPosition | null): PublishVerdict;
}

/**
 * Publishes for one session from its first fence message on: nothing under an epoch that is over, no copy twice, and
 * nothing behind a refused message of the same order before the client has seen the refusal.
 */
export class FencedPublisher {
  readonly positions: ExchangePositions;
  readonly #host: FencedHost;
  /** The number of the last publication. */
  #number = 0;
  #epoch = 0;
  #known: KnownEpoch | null = null;
  /** The last fence could not be recorded. */
  #isRefusing = false;
  /** By order: the last of its publications that was refused or held. */
  readonly #refused = new Map<string, number>();

  constructor(host: FencedHost, positions: ExchangePositions) {
    this.#host = host;
    this.positions = positions;
  }

  /** What is published from here on is published under this fence. */
  announce({ fence, number, answered }: FenceMessage): PublishVerdict {
    this.#number = number;
    for (const [order, at] of this.#refused) if (at <= answered) this.#refused.delete(order);
    const verdict = raiseFence(this.#host.services, this.positions, fence);
    this.#isRefusing = verdict === "refused";
    this.#epoch = fence?.epoch ?? 0;
    this.#known = fence === null ? null : (this.positions.fences.find(fence) ?? null);
    return verdict;
  }

  publish(publication: Publication): PublishVerdict {
    this.#number += 1;
    if (this.#known !== null && this.#known.epoch > this.#epoch) return "fenced";
    const { exchange, isOver } = this.positions;
    const isOwn = publication.exchange === exchange;
    if (isOwn && isOver)
      throw new RefusalError(406, `exchange '${exchange}' in vhost '${this.#host.name}' was deleted`);
    const message = isOwn ? readOrderedMessage(publication.routingKey, publication.properties) : null;
    if (message === null) return this.#isRefusing ? "refused" : this.#host.publish(publication, null);
    if (this.#refused.size > 0 && this.#refused.has(orderOf(message))) {
      this.#refuse(message);
      return "held";
    }
    const verdict = this.#isRefusing ? "refused" : this.#publish(publication, message);
    if (verdict !== "routed") this.#refuse(message);
    return verdict;
  }

  #publish(publication: Publication, message: OrderedMessage): PublishVerdict {
    const { position } = message;
    if (position === null) return this.#host.publish(publication, null);
    const { positionReused } = this.#host.services;
    return this.#host.publish(
      publication,
      new TakenPosition(this.positions, message, position, positionReused),
    );
  }

  #refuse(message: OrderedMessage): void {
    if (this.#refused.size >= REFUSED_MAX)
      throw new RefusalError(406, `${REFUSED_MAX} orders are refused: acknowledge that with a fence message`);
    this.#refused.set(orderOf(message), this.#number);
  }
}

function orderOf({ source, topic, partition }: OrderedMessage): string {
  return `${partition} ${source.length} ${source}${topic}`;
}
