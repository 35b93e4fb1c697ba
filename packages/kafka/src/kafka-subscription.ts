import type { Subscription } from "@waybill/core";
import { GroupMember, type GroupMemberParts } from "./consume/group-member.ts";
import { notify } from "./events.ts";
import { asError } from "./unavailable.ts";

const CLOSE_DEADLINE_MS = 10_000;
const RETRY_FIRST_MS = 100;

/** One subscription of a user. It outlives its membership: when that is lost it joins again. */
export class KafkaSubscription implements Subscription {
  readonly #parts: GroupMemberParts;
  readonly #onClosed: (subscription: KafkaSubscription) => void;
  readonly #closed = new AbortController();
  #member: GroupMember | null = null;
  #isPaused = false;
  #closing: Promise<void> | null = null;

  constructor(parts: GroupMemberParts, onClosed: (subscription: KafkaSubscription) => void) {
    this.#parts = parts;
    this.#onClosed = onClosed;
  }

  /** Resolves when the group has taken the member in. Joins again by itself from then on. */
  async join(): Promise<void> {
    const member = await this.#joinOnce();
    void this.#stayJoined(member);
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#member !== null) this.#member.isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#member === null) return;
    this.#member.isPaused = false;
    this.#member.pump();
  }

  close(options: { readonly deadlineMs: number } = { deadlineMs: CLOSE_DEADLINE_MS }): Promise<void> {
    this.#closing ??= this.#close(options.deadlineMs);
    return this.#closing;
  }

  async #close(deadlineMs: number): Promise<void> {
    this.#closed.abort();
    await this.#member?.leave(deadlineMs);
    this.#onClosed(this);
  }

  async #joinOnce(): Promise<GroupMember> {
    const member = new GroupMember(this.#parts);
    member.isPaused = this.#isPaused;
    this.#member = member;
    try {
      await member.join();
    } catch (error) {
      await member.leave(0);
      throw error;
    }
    return member;
  }

  async #stayJoined(first: GroupMember): Promise<void> {
    const { options, subscription } = this.#parts;
    const { signal } = this.#closed;
    const closed = new Promise<null>((resolve) => signal.addEventListener("abort", () => resolve(null)));
    let member: GroupMember | null = first;
    let retryInMs = RETRY_FIRST_MS;
    while (!signal.aborted) {
      const error = member === null ? null : await Promise.race([member.lost, closed]);
      if (signal.aborted) return;
      if (error !== null) this.#reportLost(error, retryInMs);
      await options.clock.sleep(retryInMs, signal);
      if (signal.aborted) return;
      try {
        member = await this.#joinOnce();
        retryInMs = RETRY_FIRST_MS;
      } catch (thrown) {
        member = null;
        retryInMs = Math.min(retryInMs * 2, options.reconnectMaxMs);
        notify(options.onEvent, {
          type: "kafka.consumer-lost",
          level: "warn",
          group: subscription.group,
          retryInMs,
          error: asError(thrown),
        });
      }
    }
    // Closed while it joined: the member that `close` did not know of yet.
    await member?.leave(0);
  }

  #reportLost(error: Error, retryInMs: number): void {
    const { group } = this.#parts.subscription;
    const { onEvent } = this.#parts.options;
    notify(onEvent, { type: "kafka.consumer-lost", level: "warn", group, retryInMs, error });
  }
}
