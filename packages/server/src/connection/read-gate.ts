import type { Socket } from "node:net";

/** Why nothing is read from a socket for now. */
export const ReadHold = {
  /** An answer of the engine or of the authenticator is awaited. */
  work: 1,
  /** Too much waits for the disk. */
  unflushed: 2,
  /** Publishers have to wait. */
  blocked: 4,
  /** The client does not take its replies. */
  output: 8,
  /** The server stops. */
  stopping: 16,
} as const;

/** Reads from a socket unless there is a reason not to. */
export class ReadGate {
  readonly #socket: Socket;
  #holds = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get isOpen(): boolean {
    return this.#holds === 0;
  }

  /** @param reason one of `ReadHold` */
  hold(reason: number): void {
    if (this.#holds === 0) this.#socket.pause();
    this.#holds |= reason;
  }

  release(reason: number): void {
    if ((this.#holds & reason) === 0) return;
    this.#holds &= ~reason;
    if (this.#holds === 0) this.#socket.resume();
  }

  /** Whatever comes is read, to its end. */
  releaseAll(): void {
    this.release(this.#holds);
  }
}
