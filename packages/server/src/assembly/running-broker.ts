import type { ListenAddress } from "../config/values.ts";
import type { BoundAddress } from "../options.ts";

/** A broker that runs: engine, server, users and health page of one data folder. */
export interface RunningBroker {
  readonly dataDir: string;
  readonly usersFile: string;
  /** `undefined`: there is no users file; only `guest` may log in, from this machine. */
  readonly userNames: readonly string[] | undefined;
  readonly virtualHosts: readonly string[];
  readonly addresses: readonly BoundAddress[];
  readonly healthAddresses: readonly ListenAddress[];
  /** Resolves with the error when the disk failed: nothing is confirmed any more, and only `close` is left to do. */
  readonly failed: Promise<Error>;
  /** Reads users and certificates again, now. What is wrong stays as it was. Never rejects; events tell. */
  reload(): Promise<void>;
  /**
   * Takes no more connections, confirms what has arrived, gives everything unsettled back, and closes the data folder.
   * Connections that are not gone by `deadlineMs` are dropped.
   */
  close(options: { readonly deadlineMs: number }): Promise<void>;
}
