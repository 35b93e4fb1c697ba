/** What a permission is about, as in RabbitMQ. */
export type Permission = "configure" | "write" | "read";

/** Where a login comes from. */
export interface Peer {
  /** As `socket.remoteAddress` gives it. */
  readonly address: string;
}

/**
 * What one user may do. It stays current: when the users file changes, so do the answers of an `Access` given out before,
 * and a user who was removed or got another password may nothing more.
 */
export interface Access {
  readonly user: string;
  /** Whether the user may open a connection to this virtual host. */
  mayEnter(virtualHost: string): boolean;
  /**
   * Whether the user may do this with the exchange or queue `name` of a virtual host. The default exchange has the empty
   * name here; permissions call it `amq.default`. Cheap enough to be asked for every publication.
   */
  may(permission: Permission, virtualHost: string, name: string): boolean;
}

/** Tells who a client is. */
export interface Authenticator {
  /**
   * Answers what the user may do, or `null` when there is no such user, the password is wrong, or the user may not log in
   * from there; nothing tells which of these. Takes about as long in each case.
   *
   * @throws TooManyLogins when more logins wait to be verified than the server takes on; the client may try again later
   */
  authenticate(user: string, password: string, peer: Peer): Promise<Access | null>;
}

/** Refuses a login without having looked at the password. */
export class TooManyLogins extends Error {
  override readonly name = "TooManyLogins";
}
