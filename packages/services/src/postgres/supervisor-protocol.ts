// What a process and the supervisor of its server say to each other: one JSON object a line. The first line to
// the supervisor starts the server; the end of its input, for whatever reason, stops it and removes its data.

/** How the server stops: "fast" ends its sessions and flushes; "crash" is a power cut, recovered from the WAL. */
export type StopMode = "fast" | "crash";

export interface SupervisorStart {
  readonly port: number;
  readonly password: string;
  /** Server settings, given as `-c name=value`. */
  readonly settings: Readonly<Record<string, string>>;
  /** Speaks TLS with this certificate to clients that want it. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Starts with this copy of a data directory instead of an empty one. */
  readonly from?: { readonly folder: string; readonly standby: boolean };
}

export interface SupervisorRestart {
  readonly restart: StopMode;
}

export type SupervisorReply =
  | { readonly kind: "ready"; readonly postgresPid: number; readonly folder: string }
  | { readonly kind: "failed"; readonly message: string };
