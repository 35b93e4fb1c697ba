import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createSecureContext, TLSSocket, type SecureContext, type SecureContextOptions } from "node:tls";
import type { BoundAddress, ListenOn } from "../options.ts";

/** A client that is silent for this long is asked by TCP whether it is there. */
const KEEP_ALIVE_MS = 30_000;

/** What a client is shown. */
interface Certificates {
  context: SecureContext;
}

/** One address that clients connect to. */
export class Listener {
  readonly #server: Server;
  readonly #on: ListenOn;
  readonly #certificates: Certificates | null;

  private constructor(server: Server, on: ListenOn, certificates: Certificates | null) {
    this.#server = server;
    this.#on = on;
    this.#certificates = certificates;
  }

  /**
   * @param admits whether a client from this address may begin; asked before anything is read from it
   * @throws what `listen` throws (`EADDRINUSE`, `EACCES`), or `createSecureContext` for certificates that do not fit
   */
  static async open(
    on: ListenOn,
    admits: (address: string) => boolean,
    onSocket: (socket: Socket, address: string) => void,
  ): Promise<Listener> {
    const certificates = on.tls === undefined ? null : { context: createSecureContext(on.tls) };
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS });
    server.on("connection", (socket) => {
      const address = socket.remoteAddress ?? "";
      if (!admits(address)) socket.destroy();
      else onSocket(certificates === null ? socket : secured(socket, on, certificates.context), address);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: on.host, port: on.port }, resolve);
    });
    // A client that vanished between its arrival and its acceptance is no reason to stop.
    server.removeAllListeners("error").on("error", () => {});
    return new Listener(server, on, certificates);
  }

  get address(): BoundAddress {
    const { port } = this.#server.address() as AddressInfo;
    return { host: this.#on.host, port, tls: this.#on.tls !== undefined };
  }

  /**
   * Clients that come from now on are shown other certificates. Does nothing where there is no TLS.
   *
   * @throws what `createSecureContext` throws; then nothing has changed
   */
  replaceCertificates(tls: SecureContextOptions): void {
    if (this.#certificates !== null) this.#certificates.context = createSecureContext(tls);
  }

  /** Takes no more connections; those that there are stay. */
  close(): void {
    this.#server.close();
  }
}

function secured(socket: Socket, { tls }: ListenOn, secureContext: SecureContext): TLSSocket {
  const { requestCert = false, rejectUnauthorized = true } = tls ?? {};
  const secure = new TLSSocket(socket, { isServer: true, secureContext, requestCert, rejectUnauthorized });
  // OpenSSL refuses a client without a certificate; whether anybody vouches for the one it has is asked here, before
  // anything that the client says is read.
  if (requestCert && rejectUnauthorized) secure.once("secure", () => refuseStranger(secure));
  // Errors before the handshake is done are told by this event alone, and end the socket.
  socket.on("error", () => secure.destroy());
  socket.on("close", () => secure.destroy());
  return secure;
}

/** `authorized` is set for sockets of Node's own TLS server only; this is what it asks as well. */
function refuseStranger(secure: TLSSocket): void {
  const { _handle: handle } = secure as unknown as { readonly _handle?: { verifyError?(): Error | null } };
  if (handle?.verifyError === undefined || handle.verifyError()) secure.destroy();
}
