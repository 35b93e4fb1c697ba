import { timingSafeEqual } from "node:crypto";
import { unwatchFile, watchFile, type Stats } from "node:fs";
import { resolve } from "node:path";
import { WaybillError } from "@waybill/core";
import type { Access, Authenticator, Peer } from "./access.ts";
import { CurrentAccess } from "./current-access.ts";
import { GUEST, GuestAccess } from "./guest-access.ts";
import { isLoopback } from "./loopback.ts";
import { unmatchable } from "./password-hash.ts";
import { PasswordVerifier } from "./password-verifier.ts";
import { readUsers } from "./users-file.ts";
import type { Users } from "./users-schema.ts";

/** Polling also sees a file that was replaced through a mount, which notifications miss. */
const LOOKED_AT_EVERY_MS = 1_000;

const NO_USERS: Users = new Map();

/** What became of looking at the file again. With `error` the users are the same as before. */
export type UsersReloaded =
  { readonly users: number; readonly error?: never } | { readonly error: Error; readonly users: number };

export interface UserDirectoryOptions {
  readonly file: string;
  /** Told after every reload that found another file, or could not read it. */
  readonly onReloaded?: (reloaded: UsersReloaded) => void;
}

/**
 * The users of a file, read again when it changes. While there has been no such file, `guest` with the password `guest` may
 * do everything, from loopback only; a user of that name is taken from loopback only at any time. A file without users
 * lets nobody in, and one that goes away is an error: losing a file must not open the broker.
 *
 * @throws WaybillError `OPTIONS_INVALID` when the file is wrong: the server does not start with half of its users
 */
export async function openUserDirectory(options: UserDirectoryOptions): Promise<UserDirectory> {
  const file = resolve(options.file);
  return new UserDirectory(file, await readUsers(file), options.onReloaded ?? (() => undefined));
}

export class UserDirectory implements Authenticator {
  readonly file: string;
  readonly #onReloaded: (reloaded: UsersReloaded) => void;
  readonly #verifier = new PasswordVerifier();
  readonly #nobody = unmatchable();
  readonly #onChange = (now: Stats, before: Stats): void => {
    // It is also called once for a file that is not there.
    if (now.ctimeMs !== before.ctimeMs || now.ino !== before.ino) void this.reload();
  };
  #users: Users | undefined;
  #reloading: Promise<void> = Promise.resolve();

  constructor(file: string, users: Users | undefined, onReloaded: (reloaded: UsersReloaded) => void) {
    this.file = file;
    this.#users = users;
    this.#onReloaded = onReloaded;
    watchFile(file, { interval: LOOKED_AT_EVERY_MS, persistent: false }, this.#onChange);
  }

  /** `undefined`: there is no file, and only `guest` may log in, from loopback. */
  get names(): readonly string[] | undefined {
    return this.#users === undefined ? undefined : [...this.#users.keys()];
  }

  async authenticate(user: string, password: string, { address }: Peer): Promise<Access | null> {
    const isAllowed = user !== GUEST || isLoopback(address);
    if (this.#users === undefined) {
      const isGuest = user === GUEST && sameText(password, GUEST) && isAllowed;
      return isGuest ? new GuestAccess(() => this.#users === undefined) : null;
    }
    const stored = (isAllowed ? this.#users.get(user)?.password : undefined) ?? this.#nobody;
    const isRight = await this.#verifier.verify(user, password, stored, address);
    return isRight ? new CurrentAccess(user, stored.text, () => this.#users ?? NO_USERS) : null;
  }

  /** Reads the file again, now. A file that is wrong changes nothing; `onReloaded` tells. Never rejects. */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload());
    return this.#reloading;
  }

  close(): void {
    unwatchFile(this.file, this.#onChange);
  }

  async #reload(): Promise<void> {
    try {
      const users = await readUsers(this.file);
      if (users === undefined && this.#users !== undefined) {
        throw new WaybillError(
          "OPTIONS_INVALID",
          `${this.file} is gone: restore it, or restart without users`,
        );
      }
      this.#users = users;
      this.#onReloaded({ users: users?.size ?? 0 });
    } catch (error) {
      this.#onReloaded({ error: error as Error, users: this.#users?.size ?? 0 });
    }
  }
}

function sameText(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}
