import type { ClaimRequest } from "@waybill/core";

type Stream = Pick<ClaimRequest, "group" | "envelope">;

/** Far more than a process reads from; so many are forgotten at once that the memory stays bounded. */
const KNOWN_MAX = 20_000;

/**
 * Which id the database gave to a stream, so that a claim need not look for it. It may be wrong at any time, after a
 * rollback or a restore for instance: every claim finds out, and answers what is right.
 */
export class StreamIds {
  readonly #ids = new Map<string, string>();

  /** `null` when it is not known, or the message has no position. */
  of(stream: Stream): string | null {
    return this.#ids.get(nameOf(stream)) ?? null;
  }

  set(stream: Stream, id: string): void {
    if (this.#ids.size >= KNOWN_MAX) this.#ids.clear();
    this.#ids.set(nameOf(stream), id);
  }
}

/** None of them can contain what separates them: the database takes no such text. */
function nameOf({ group, envelope }: Stream): string {
  const { source, position, topic, partition } = envelope;
  return position === null ? "" : `${partition}\0${position.incarnation}\0${group}\0${source}\0${topic}`;
}
