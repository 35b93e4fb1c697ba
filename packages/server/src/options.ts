import type { SecureContextOptions } from "node:tls";
import type { QueueEngine } from "@waybill/broker/queues";
import type { ServerEventListener } from "./events.ts";
import type { ServerLimits } from "./limits.ts";
import type { Authenticator } from "./users/access.ts";

/** One address that the server listens on. */
export interface ListenOn {
  readonly host: string;
  /** 0: any free one; `RunningServer.addresses` says which. */
  readonly port: number;
  /** Given: TLS only. Certificates and all else that Node's `tls.createServer` takes. */
  readonly tls?: SecureContextOptions & {
    readonly requestCert?: boolean;
    readonly rejectUnauthorized?: boolean;
  };
}

export interface ServerOptions {
  /** Opened. The server takes its `onBlocked` and `onFailed`, and does not close it. */
  readonly engine: QueueEngine;
  readonly authenticator: Authenticator;
  readonly listen: readonly ListenOn[];
  /** @see limitsSchema for the defaults */
  readonly limits?: ServerLimits;
  /** What the server tells clients about its version. */
  readonly version?: string;
  /** Told what happens. What it throws is ignored. */
  readonly onEvent?: ServerEventListener;
}

export interface BoundAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

/** Counts since the start, and what there is now. */
export interface ServerReport {
  readonly connections: number;
  readonly handshakes: number;
  readonly channels: number;
  readonly connectionsOpened: number;
  readonly connectionsRefused: number;
  readonly messagesPublished: number;
  readonly messagesConfirmed: number;
  readonly messagesRefused: number;
  readonly messagesReturned: number;
  readonly messagesDelivered: number;
  /** Deliveries that clients acknowledged; not those that were settled by being sent (`no-ack`). */
  readonly messagesAcked: number;
  /** Publications that wait for the disk. */
  readonly unflushedBytes: number;
}

export interface RunningServer {
  readonly addresses: readonly BoundAddress[];
  report(): ServerReport;
  /** Closes the connections whose users may not be in their virtual hosts any more. Call it when users have changed. */
  reviewAccess(): void;
  /**
   * Shows clients that come from now on other certificates, on every address with TLS. Connections stay.
   *
   * @throws what Node's `createSecureContext` throws; then nothing has changed
   */
  replaceCertificates(tls: SecureContextOptions): void;
  /**
   * Takes no more connections, confirms or returns what has arrived, and closes every connection with
   * 320 CONNECTION_FORCED. Connections that are not gone by `deadlineMs` are dropped. The engine stays open.
   */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}
