/** What the server reports. `level` says how much attention it wants. */
export type ServerEvent =
  | {
      readonly type: "connection.opened";
      readonly level: "info";
      /** `address:port` of the client. */
      readonly peer: string;
      readonly user: string;
      readonly virtualHost: string;
      /** What the client calls itself (`connection_name`), or an empty text. */
      readonly name: string;
    }
  /** `reason` is what was told to the client, or how the connection broke; empty when the client closed it. */
  | {
      readonly type: "connection.closed";
      readonly level: "info" | "warn";
      readonly peer: string;
      readonly user: string;
      readonly reason: string;
    }
  /** Dropped or refused before it was open: a wrong password, a limit, a handshake that took too long. */
  | {
      readonly type: "connection.refused";
      readonly level: "warn";
      readonly peer: string;
      readonly user: string | null;
      readonly reason: string;
    }
  /** Publishers wait since then, or (`null`) no longer: all of them, or those of one virtual host. */
  | {
      readonly type: "server.blocked";
      readonly level: "warn";
      readonly reason: string | null;
      readonly virtualHost: string | null;
    }
  /** Something that must not happen did; the connection it happened on was closed. */
  | { readonly type: "server.defect"; readonly level: "error"; readonly error: unknown }
  /** The engine lost its disk: nothing is confirmed any more, and all connections were closed. */
  | { readonly type: "server.failed"; readonly level: "error"; readonly error: Error };

export type ServerEventListener = (event: ServerEvent) => void;

/** Calls the listener; what it throws is ignored. */
export function notify(listener: ServerEventListener, event: ServerEvent): void {
  try {
    listener(event);
  } catch {
    // A logger that fails must not stop the server.
  }
}
