import type { FieldTable, Method } from "@waybill/amqp";
import { FRAME_MIN_BYTES } from "@waybill/amqp";
import type { VirtualHost } from "@waybill/broker/queues";
import { connectionError } from "../replies/closing-error.ts";
import { TooManyLogins, type Access } from "../users/access.ts";
import type { ConnectionHost } from "./connection-host.ts";
import { credentialsOf, MECHANISMS } from "./sasl.ts";
import { hasCapability, serverProperties } from "./server-properties.ts";

/** What was agreed on. */
export interface Agreement {
  readonly access: Access;
  readonly virtualHost: VirtualHost;
  readonly clientProperties: FieldTable;
  readonly tuned: Tuned;
}

export interface Tuned {
  readonly channelMax: number;
  readonly frameMax: number;
  readonly heartbeat: number;
}

export interface HandshakeListener {
  reply(method: Method): void;
  tuned(tuned: Tuned): void;
  opened(agreement: Agreement): void;
}

/** The login was refused. A client that does not know `authentication_failure_close` is not told. */
export class LoginRefused extends Error {
  override readonly name = "LoginRefused";
  readonly user: string;
  readonly isTold: boolean;

  constructor(user: string, mechanism: string, isTold: boolean) {
    super(
      `ACCESS_REFUSED - Login was refused using authentication mechanism ${mechanism}. For details see the broker logfile.`,
    );
    this.user = user;
    this.isTold = isTold;
  }
}

type Stage =
  | { readonly name: "starting" }
  | { readonly name: "tuning"; readonly access: Access; readonly clientProperties: FieldTable }
  | {
      readonly name: "opening";
      readonly access: Access;
      readonly clientProperties: FieldTable;
      readonly tuned: Tuned;
    }
  | { readonly name: "done" };

/** The methods from `connection.start` to `connection.open`: each one in its turn, and nothing else. */
export class Handshake {
  readonly #host: ConnectionHost;
  readonly #address: string;
  readonly #listener: HandshakeListener;
  #stage: Stage = { name: "starting" };

  constructor(host: ConnectionHost, address: string, listener: HandshakeListener) {
    this.#host = host;
    this.#address = address;
    this.#listener = listener;
    listener.reply({
      name: "connection.start",
      versionMajor: 0,
      versionMinor: 9,
      serverProperties: serverProperties(host.version),
      mechanisms: MECHANISMS,
      locales: "en_US",
    });
  }

  /** Who logged in, or `null` before. */
  get user(): string | null {
    return "access" in this.#stage ? this.#stage.access.user : null;
  }

  /** @throws ClosingError or LoginRefused, or rejects with one */
  handle(method: Method): Promise<void> | void {
    const stage = this.#stage;
    if (stage.name === "starting" && method.name === "connection.start-ok") return this.#start(method);
    if (stage.name === "tuning" && method.name === "connection.tune-ok") {
      const tuned = this.#agree(method);
      this.#stage = { ...stage, name: "opening", tuned };
      return this.#listener.tuned(tuned);
    }
    if (stage.name === "opening" && method.name === "connection.open") {
      const { access, clientProperties, tuned } = stage;
      const virtualHost = this.#enter(access, method.virtualHost);
      this.#stage = { name: "done" };
      return this.#listener.opened({ access, virtualHost, clientProperties, tuned });
    }
    throw connectionError(504, `unexpected method ${method.name} in connection state ${stage.name}`);
  }

  async #start(method: Method<"connection.start-ok">): Promise<void> {
    const { mechanism, response, clientProperties } = method;
    const { user, password } = credentialsOf(mechanism, response);
    const access = await this.#authenticate(user, password);
    if (access === null) {
      const isTold = hasCapability(clientProperties, "authentication_failure_close");
      throw new LoginRefused(user, mechanism, isTold);
    }
    this.#stage = { name: "tuning", access, clientProperties };
    const { channelsMax, frameBytesMax, heartbeatSeconds } = this.#host.limits;
    this.#listener.reply({
      name: "connection.tune",
      channelMax: channelsMax,
      frameMax: frameBytesMax,
      heartbeat: heartbeatSeconds,
    });
  }

  async #authenticate(user: string, password: string): Promise<Access | null> {
    try {
      return await this.#host.authenticator.authenticate(user, password, { address: this.#address });
    } catch (error) {
      if (!(error instanceof TooManyLogins)) throw error;
      throw connectionError(506, "too many logins wait to be verified: try again later");
    }
  }

  /** A client may ask for less than was offered, and for any heartbeat. */
  #agree({ channelMax, frameMax, heartbeat }: Method<"connection.tune-ok">): Tuned {
    const { channelsMax, frameBytesMax } = this.#host.limits;
    negotiated("channel_max", channelMax, 1, channelsMax);
    negotiated("frame_max", frameMax, FRAME_MIN_BYTES, frameBytesMax);
    return { channelMax, frameMax, heartbeat };
  }

  /** @throws ClosingError 530 */
  #enter(access: Access, name: string): VirtualHost {
    const virtualHost = this.#host.engine.virtualHost(name);
    if (virtualHost === undefined) throw connectionError(530, `vhost ${name} not found`);
    if (!access.mayEnter(name))
      throw connectionError(530, `access to vhost '${name}' refused for user '${access.user}'`);
    this.#host.admission.enter(access.user);
    return virtualHost;
  }
}

function negotiated(field: string, value: number, min: number, max: number): void {
  const asked = `negotiated ${field} = ${value}${value === 0 ? " (no limit)" : ""}`;
  if (value === 0 || value > max)
    throw connectionError(530, `${asked} is higher than the maximum allowed value (${max})`);
  if (value < min) throw connectionError(530, `${asked} is lower than the minimum allowed value (${min})`);
}
