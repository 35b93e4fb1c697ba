import type { ResolvedServerLimits } from "../limits.ts";
import { connectionError } from "../replies/closing-error.ts";

/** Counts who is connected. Clients that have not logged in take no place from those that have. */
export class Admission {
  readonly #limits: ResolvedServerLimits;
  readonly #handshakesByAddress = new Map<string, number>();
  readonly #connectionsByUser = new Map<string, number>();
  #handshakes = 0;
  #connections = 0;

  constructor(limits: ResolvedServerLimits) {
    this.#limits = limits;
  }

  get handshakes(): number {
    return this.#handshakes;
  }

  get connections(): number {
    return this.#connections;
  }

  /** Whether there is room for a client that has not logged in; `handshakeEnded` gives it free. */
  admitsHandshake(address: string): boolean {
    const { handshakesMax, handshakesPerAddressMax } = this.#limits;
    const count = this.#handshakesByAddress.get(address) ?? 0;
    if (this.#handshakes >= handshakesMax || count >= handshakesPerAddressMax) return false;
    this.#handshakes += 1;
    this.#handshakesByAddress.set(address, count + 1);
    return true;
  }

  handshakeEnded(address: string): void {
    this.#handshakes -= 1;
    lower(this.#handshakesByAddress, address);
  }

  /** Takes a place for a user; `left` gives it free. @throws ClosingError 530 when there is none */
  enter(user: string): void {
    const { connectionsMax, connectionsPerUserMax } = this.#limits;
    const count = this.#connectionsByUser.get(user) ?? 0;
    if (this.#connections >= connectionsMax)
      throw connectionError(
        530,
        `connection refused for user '${user}': node connection limit (${connectionsMax}) is reached`,
      );
    if (count >= connectionsPerUserMax)
      throw connectionError(
        530,
        `connection refused for user '${user}': user connection limit (${connectionsPerUserMax}) is reached`,
      );
    this.#connections += 1;
    this.#connectionsByUser.set(user, count + 1);
  }

  left(user: string): void {
    this.#connections -= 1;
    lower(this.#connectionsByUser, user);
  }
}

function lower(counts: Map<string, number>, name: string): void {
  const count = (counts.get(name) ?? 0) - 1;
  if (count > 0) counts.set(name, count);
  else counts.delete(name);
}
