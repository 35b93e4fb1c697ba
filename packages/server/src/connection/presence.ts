import { notify } from "../events.ts";
import type { ConnectionHost } from "./connection-host.ts";
import type { Agreement } from "./handshake.ts";

/** The place that one client takes among the others, and what is told about its coming and going. */
export class Presence {
  /** `address:port` of the client. */
  readonly peer: string;
  readonly #host: ConnectionHost;
  readonly #address: string;
  #agreement: Agreement | null = null;
  #hasPlace = false;

  /** A client that was admitted and has not logged in. */
  constructor(host: ConnectionHost, address: string, port: number) {
    this.#host = host;
    this.#address = address;
    this.peer = `${address}:${port}`;
  }

  /** It has logged in; the handshake took a place for its user. */
  opened(agreement: Agreement): void {
    const { admission, counters, onEvent } = this.#host;
    admission.handshakeEnded(this.#address);
    counters.connectionsOpened += 1;
    this.#agreement = agreement;
    this.#hasPlace = true;
    const { access, virtualHost, clientProperties } = agreement;
    const { connection_name: name } = clientProperties;
    notify(onEvent, {
      type: "connection.opened",
      level: "info",
      peer: this.peer,
      user: access.user,
      virtualHost: virtualHost.name,
      name: typeof name === "string" ? name : "",
    });
  }

  /** Its user may come again, although the client has not taken its last answer yet. */
  leave(): void {
    if (!this.#hasPlace || this.#agreement === null) return;
    this.#hasPlace = false;
    this.#host.admission.left(this.#agreement.access.user);
  }

  /**
   * The client is gone.
   *
   * @param user as it called itself, when it has not logged in
   * @param isExpected it was closed in order
   */
  ended(reason: string, user: string | null, isExpected: boolean): void {
    this.leave();
    const { admission, counters, onEvent } = this.#host;
    const { peer } = this;
    if (this.#agreement === null) {
      admission.handshakeEnded(this.#address);
      counters.connectionsRefused += 1;
      notify(onEvent, { type: "connection.refused", level: "warn", peer, user, reason });
    } else {
      const level = isExpected ? "info" : "warn";
      notify(onEvent, {
        type: "connection.closed",
        level,
        peer,
        user: this.#agreement.access.user,
        reason,
      });
    }
  }
}
