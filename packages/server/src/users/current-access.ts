import type { Access, Permission } from "./access.ts";
import type { User, Users } from "./users-schema.ts";

const ANSWERS_MAX = 8_192;

/** What one user may do according to the users that count now. */
export class CurrentAccess implements Access {
  readonly user: string;
  readonly #passwordHash: string;
  readonly #current: () => Users;
  readonly #answers = new Map<string, boolean>();
  #answersOf: Users | undefined;

  /** @param passwordHash with which the user logged in: with another one the access ends */
  constructor(user: string, passwordHash: string, current: () => Users) {
    this.user = user;
    this.#passwordHash = passwordHash;
    this.#current = current;
  }

  mayEnter(virtualHost: string): boolean {
    const permissions = this.#record()?.permissions;
    return permissions !== undefined && Object.hasOwn(permissions, virtualHost);
  }

  may(permission: Permission, virtualHost: string, name: string): boolean {
    const users = this.#current();
    if (users !== this.#answersOf || this.#answers.size >= ANSWERS_MAX) this.#answers.clear();
    this.#answersOf = users;
    // The permission has no NUL in it, and of the two others the one that could hold one comes last.
    const question = `${permission}\0${virtualHost}\0${name}`;
    const known = this.#answers.get(question);
    if (known !== undefined) return known;
    const answer = this.#mayEnterAnd(permission, virtualHost, name === "" ? "amq.default" : name);
    this.#answers.set(question, answer);
    return answer;
  }

  #mayEnterAnd(permission: Permission, virtualHost: string, name: string): boolean {
    if (!this.mayEnter(virtualHost)) return false;
    return this.#record()?.permissions[virtualHost]?.[permission].matches(name) === true;
  }

  #record(): User | undefined {
    const user = this.#current().get(this.user);
    return user?.password.text === this.#passwordHash ? user : undefined;
  }
}
