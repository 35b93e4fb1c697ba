import type { Access } from "./access.ts";

/** As with RabbitMQ, this user comes from the machine itself or not at all. */
export const GUEST = "guest";

/** Everything, for as long as there are no users. */
export class GuestAccess implements Access {
  readonly user = GUEST;
  readonly #isOpen: () => boolean;

  constructor(isOpen: () => boolean) {
    this.#isOpen = isOpen;
  }

  mayEnter(): boolean {
    return this.#isOpen();
  }

  may(): boolean {
    return this.#isOpen();
  }
}
