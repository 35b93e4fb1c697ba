/** A client that is silent for so many half intervals is gone. */
const SILENT_TICKS_MAX = 4;

export interface HeartbeatListener {
  /** Half an interval went by: whether anything was sent in it, and a heartbeat if not. */
  beat(): void;
  /** Whether anything came in the last half interval, or nothing could come because nothing was read. */
  takeIsAlive(): boolean;
  /** Nothing came for two intervals. */
  died(): void;
}

/** Both directions of a connection's heartbeats. */
export class Heartbeat {
  readonly #timer: NodeJS.Timeout | null;
  #silentTicks = 0;

  /** @param intervalSeconds what the client chose; 0: none */
  constructor(intervalSeconds: number, listener: HeartbeatListener) {
    this.#timer =
      intervalSeconds === 0 ? null : setInterval(() => this.#tick(listener), intervalSeconds * 500);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #tick(listener: HeartbeatListener): void {
    listener.beat();
    this.#silentTicks = listener.takeIsAlive() ? 0 : this.#silentTicks + 1;
    if (this.#silentTicks < SILENT_TICKS_MAX) return;
    this.stop();
    listener.died();
  }
}
