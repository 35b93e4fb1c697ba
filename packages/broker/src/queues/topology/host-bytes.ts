import type { BytesTotal } from "../queue/message-bytes.ts";

/** A chunk of a socket fits in, so that most of what is on its way when publishers are told to wait is still taken. */
const SLACK_BYTES = 64 * 1024;
const SLACK_SHARE = 8;
/** Publishers go on when a part of the room is free again, not at every message. */
const FREE_SHARE = 0.9;

/** What the messages of a virtual host take, and whether it may be more. */
export class HostBytes implements BytesTotal {
  readonly #virtualHost: string;
  readonly #bytesMax: number;
  readonly #blockedFrom: number;
  readonly #onBlocked: () => void;
  #bytes = 0;
  #isBlocked = false;

  /** @param bytesMax Infinity: no limit */
  constructor(virtualHost: string, bytesMax: number, onBlocked: () => void) {
    this.#virtualHost = virtualHost;
    this.#bytesMax = bytesMax;
    this.#blockedFrom = bytesMax - Math.min(SLACK_BYTES, bytesMax / SLACK_SHARE);
    this.#onBlocked = onBlocked;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Why publishers have to wait, or `null`. */
  get blockedBy(): string | null {
    if (!this.#isBlocked) return null;
    return `the messages in vhost '${this.#virtualHost}' take as much as they may (${this.#bytesMax} bytes)`;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= this.#bytesMax;
  }

  change(bytes: number): void {
    this.#bytes += bytes;
    const isBlocked = this.#bytes > this.#blockedFrom * (this.#isBlocked ? FREE_SHARE : 1);
    if (isBlocked === this.#isBlocked) return;
    this.#isBlocked = isBlocked;
    this.#onBlocked();
  }
}
