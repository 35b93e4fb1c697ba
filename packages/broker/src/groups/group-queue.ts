import type { Clock, Envelope } from "@waybill/core";
import type { Log } from "@waybill/log";
import { decodeMessage, isMessage, topicOfMessage } from "../records/message-record.ts";
import type { GroupState } from "../state/broker-state.ts";
import type { AppendControl } from "./ack-writer.ts";
import { AckWriter } from "./ack-writer.ts";
import { DeliveryHorizon } from "./delivery-horizon.ts";
import { Dispatcher } from "./dispatcher.ts";
import type { Entry } from "./lane.ts";
import type { Member } from "./member.ts";

/** What a group queue needs from the engine around it. */
export interface GroupSurroundings {
  readonly log: Log;
  readonly clock: Clock;
  readonly append: AppendControl;
  readonly windowMessagesMax: number;
  readonly windowBytesMax: number;
  readonly ackFlushMs: number;
  /** Stored records cannot be read. */
  readonly onDamage: (error: unknown) => void;
}

/**
 * One group at work: a cursor in the log and a bounded window of messages behind it. What lies beyond the window
 * stays in the log, so a backlog of any length costs no memory.
 *
 * - live: everything durable was loaded, and new messages are offered as they are committed;
 * - behind: the window was full, or the group has just been opened; messages are read from the log.
 */
export class GroupQueue {
  readonly state: GroupState;
  readonly #surroundings: GroupSurroundings;
  readonly #dispatcher: Dispatcher;
  readonly #acks: AckWriter;
  readonly #horizon: DeliveryHorizon;
  /** Messages before it may have been delivered before this process. */
  readonly #flagBelow: number;
  /** Delivered and unloaded again without an ack. */
  readonly #delivered = new Set<number>();
  /** Everything before it was loaded or is done. */
  #cursor: number;
  #live = false;
  #loading = false;
  #stopped = false;

  constructor(state: GroupState, surroundings: GroupSurroundings) {
    this.state = state;
    this.#surroundings = surroundings;
    const { append, clock, ackFlushMs, log } = surroundings;
    this.#acks = new AckWriter(state, append, clock, ackFlushMs);
    this.#horizon = new DeliveryHorizon(state, append, () => this.#dispatcher.pumpAll());
    this.#dispatcher = new Dispatcher(clock, {
      acked: (entry) => this.#acked(entry),
      mayDeliver: (offset) => !this.#stopped && this.#horizon.covers(offset, this.#dispatcher.unsettledCount),
    });
    this.#cursor = state.floor;
    this.#flagBelow = Math.min(state.horizon, log.nextOffset);
  }

  join(member: Member): void {
    this.#dispatcher.join(member);
    void this.load();
  }

  leave(member: Member): void {
    this.#dispatcher.leave(member);
  }

  /** After `leave`, when the member's time is over. */
  takeBack(member: Member): void {
    this.#dispatcher.takeBack(member);
    if (this.#dispatcher.memberCount === 0) this.#unload();
  }

  pump(member: Member): void {
    this.#dispatcher.pump(member);
  }

  /** Newly committed messages, the first with `firstOffset`, the next ones following without a gap. */
  feed(firstOffset: number, envelopes: readonly Envelope[]): void {
    if (!this.#live) return;
    let offset = firstOffset;
    for (const envelope of envelopes) {
      if (this.state.wants(envelope.topic, offset) && !this.#offer(offset, envelope)) break;
      offset += 1;
    }
    if (this.#live) this.#advance(offset);
    this.#dispatcher.pumpAll();
  }

  /** Reads on from the log until the window is full or the group is live. */
  async load(): Promise<void> {
    if (this.#loading || this.#live || this.#stopped) return;
    this.#loading = true;
    try {
      // Each turn moves the cursor, up to the end of the log.
      while (!this.#stopped && this.#cursor < this.#surroundings.log.durableOffset) {
        const from = this.#cursor;
        const block = await this.#surroundings.log.read(from);
        // While reading, the window may have been unloaded and the cursor set back.
        if (this.#cursor !== from) continue;
        const isFull = !block.records.every(({ offset, data }) => this.#offerStored(offset, data));
        if (!isFull) this.#advance(block.nextOffset);
        this.#dispatcher.pumpAll();
        if (isFull) return;
      }
      this.#live = !this.#stopped;
    } catch (error) {
      this.#surroundings.onDamage(error);
    } finally {
      this.#loading = false;
    }
    // Room may have appeared between the last look and here.
    this.#refill();
  }

  /** Delivers nothing more and ignores every verdict from now on. */
  stop(): void {
    this.#stopped = true;
    this.#live = false;
    this.#acks.stop();
    this.#dispatcher.clear();
  }

  flushAcks(): Promise<void> {
    return this.#acks.flush();
  }

  get #hasRoom(): boolean {
    const { windowMessagesMax, windowBytesMax } = this.#surroundings;
    const { memberCount, unsettledCount, unsettledBytes } = this.#dispatcher;
    return memberCount > 0 && unsettledCount < windowMessagesMax && unsettledBytes < windowBytesMax;
  }

  #offerStored(offset: number, data: Buffer): boolean {
    if (!isMessage(data) || this.state.done.has(offset)) return true;
    if (!this.state.wants(topicOfMessage(data), offset)) return true;
    const envelope = decodeMessage(data);
    // A view would keep the whole block in memory for the sake of one small message.
    return this.#offer(offset, { ...envelope, payload: Buffer.from(envelope.payload) });
  }

  /** Takes a wanted message into the window; `false` when it is full. What lies before it is not for this group. */
  #offer(offset: number, envelope: Envelope): boolean {
    if (offset < this.#cursor) return true;
    this.#advance(offset);
    if (!this.#hasRoom) {
      this.#live = false;
      return false;
    }
    this.#cursor = offset + 1;
    this.#dispatcher.add(offset, envelope, offset < this.#flagBelow || this.#delivered.delete(offset));
    return true;
  }

  #advance(offset: number): void {
    if (offset <= this.#cursor) return;
    this.state.done.add(this.#cursor, offset);
    this.#cursor = offset;
  }

  #acked({ offset }: Entry): void {
    this.state.done.add(offset);
    this.#acks.note(offset);
    this.#refill();
  }

  #refill(): void {
    const { windowMessagesMax, windowBytesMax } = this.#surroundings;
    const { memberCount, unsettledCount, unsettledBytes } = this.#dispatcher;
    if (this.#live || this.#loading || memberCount === 0) return;
    if (unsettledCount <= windowMessagesMax / 2 && unsettledBytes <= windowBytesMax / 2) void this.load();
  }

  /** Nobody takes anything: the window is given up, the log keeps everything. */
  #unload(): void {
    for (const offset of this.#dispatcher.clear()) this.#delivered.add(offset);
    this.#live = false;
    this.#cursor = this.state.floor;
    void this.load();
  }
}
