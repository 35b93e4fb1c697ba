import { createHmac, randomBytes } from "node:crypto";
import { PASSWORD_BYTES_MAX, verifyPassword, type PasswordHash } from "./password-hash.ts";
import { TooManyLogins } from "./access.ts";

/** Hashing runs on the threads that also write the log: half of the usual four are left to it. */
const AT_ONCE = 2;
const WAITING_MAX = 64;
/** One address cannot take all the places. */
const WAITING_PER_ADDRESS_MAX = 32;
const REMEMBERED_MAX = 1_024;
const REMEMBERED_MS = 300_000;

/**
 * Verifies passwords, few at a time, so that a flood of logins takes neither all threads nor memory. What was right is
 * remembered for five minutes as a keyed digest of user, password and stored hash: a changed password counts at once.
 */
export class PasswordVerifier {
  readonly #key = randomBytes(32);
  readonly #verifiedAt = new Map<string, number>();
  readonly #running = new Map<string, Promise<boolean>>();
  readonly #waiting: (() => void)[] = [];
  readonly #waitingOf = new Map<string, number>();
  readonly #now: () => number;
  #atOnce = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @throws TooManyLogins */
  async verify(user: string, password: string, stored: PasswordHash, address: string): Promise<boolean> {
    if (Buffer.byteLength(password) > PASSWORD_BYTES_MAX) return false;
    const digest = this.#digest(user, password, stored.text);
    if (this.#isRemembered(digest)) return true;
    const running = this.#running.get(digest);
    if (running !== undefined) return running;
    const verification = this.#inTurn(address, () => verifyPassword(password, stored));
    this.#running.set(digest, verification);
    try {
      const isRight = await verification;
      if (isRight) this.#remember(digest);
      return isRight;
    } finally {
      this.#running.delete(digest);
    }
  }

  async #inTurn<T>(address: string, work: () => Promise<T>): Promise<T> {
    if (this.#atOnce < AT_ONCE) this.#atOnce += 1;
    else await this.#turn(address);
    try {
      return await work();
    } finally {
      // The place goes to the next one, and is free only when nobody waits.
      const next = this.#waiting.shift();
      if (next === undefined) this.#atOnce -= 1;
      else next();
    }
  }

  async #turn(address: string): Promise<void> {
    const ofAddress = this.#waitingOf.get(address) ?? 0;
    if (this.#waiting.length >= WAITING_MAX || ofAddress >= WAITING_PER_ADDRESS_MAX) {
      throw new TooManyLogins("Too many logins wait to be verified; try again later.");
    }
    this.#waitingOf.set(address, ofAddress + 1);
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const left = (this.#waitingOf.get(address) ?? 1) - 1;
    if (left === 0) this.#waitingOf.delete(address);
    else this.#waitingOf.set(address, left);
  }

  #isRemembered(digest: string): boolean {
    const at = this.#verifiedAt.get(digest);
    if (at === undefined) return false;
    if (this.#now() - at < REMEMBERED_MS) return true;
    this.#verifiedAt.delete(digest);
    return false;
  }

  #remember(digest: string): void {
    if (this.#verifiedAt.size >= REMEMBERED_MAX) {
      const oldest = this.#verifiedAt.keys().next();
      if (oldest.done !== true) this.#verifiedAt.delete(oldest.value);
    }
    this.#verifiedAt.set(digest, this.#now());
  }

  /** The key is this process's own and random: a dump of the digests is of no use to guess passwords with. */
  #digest(...parts: readonly string[]): string {
    return createHmac("sha256", this.#key).update(JSON.stringify(parts)).digest("base64");
  }
}
