import { join, resolve } from "node:path";
import { WaybillError } from "@waybill/core";
import { openQueueEngine, type QueueEngine } from "@waybill/broker/queues";
import { checkExposure, plainExposed } from "../config/check-exposure.ts";
import type { LoadedSettings } from "../config/load-settings.ts";
import { loadTls } from "../config/load-tls.ts";
import { flagOf, type SettingName } from "../config/settings.ts";
import { shownAddress } from "../config/values.ts";
import { startHealth } from "../health/http-health.ts";
import type { ListenOn, RunningServer } from "../options.ts";
import { startServer } from "../start-server.ts";
import { openUserDirectory, type UsersReloaded } from "../users/user-directory.ts";
import type { BrokerEvent, BrokerEventListener } from "./broker-events.ts";
import type { RunningBroker } from "./running-broker.ts";
import { engineOptionsOf, limitsOf } from "./translate-settings.ts";

/** Ends one of the parts; the latest opened ends first. */
type Closer = (deadlineMs: number) => Promise<void> | void;

/** Where the users are kept. */
export function usersFileOf({ settings }: LoadedSettings): string {
  return resolve(settings.usersFile ?? join(settings.dataDir, "users.json"));
}

/**
 * Starts a broker as its settings say. When it resolves, clients can connect.
 *
 * @throws WaybillError `OPTIONS_INVALID` (a setting, the users file, an address that is taken), `DATA_DIR_OWNED`,
 * `DATA_DIR_DAMAGED`; then nothing is open any more
 */
export async function startBroker(
  loaded: LoadedSettings,
  onEvent: BrokerEventListener,
): Promise<RunningBroker> {
  const opened: Closer[] = [];
  const close = (deadlineMs: number): Promise<void> => closeAll(opened, deadlineMs);
  try {
    return await start(loaded, onEvent, opened, close);
  } catch (error) {
    // Why it could not start says more than why it could not end.
    await close(0).catch(() => undefined);
    throw error;
  }
}

/** Ends every part, also when one of them fails. Throws what the first one threw. */
async function closeAll(opened: Closer[], deadlineMs: number): Promise<void> {
  const errors: unknown[] = [];
  for (let closer = opened.pop(); closer !== undefined; closer = opened.pop()) {
    try {
      await closer(deadlineMs);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

async function start(
  loaded: LoadedSettings,
  onEvent: BrokerEventListener,
  opened: Closer[],
  close: (deadlineMs: number) => Promise<void>,
): Promise<RunningBroker> {
  const { settings } = loaded;
  const state: State = { unavailableBecause: "it is being started" };
  const users = await openUserDirectory({
    file: usersFileOf(loaded),
    onReloaded: (reloaded) => {
      onEvent(usersEvent(reloaded));
      state.server?.reviewAccess();
    },
  });
  opened.push(() => users.close());
  checkExposure(loaded, users.names);
  const listen = await listenOn(loaded);
  const health = await explained(loaded, ["healthListen"], () =>
    startHealth(settings.healthListen, () => statusOf(state)),
  );
  opened.push(() => health.close());
  const dataDir = resolve(settings.dataDir);
  state.engine = await openedIn(loaded, () =>
    openQueueEngine({ ...engineOptionsOf(settings), dataDir, onEvent }),
  );
  const { engine } = state;
  opened.push(() => engine.close());
  const virtualHosts = await createVirtualHosts(engine, settings.virtualHosts, onEvent);
  const { promise: failed, resolve: fail } = Promise.withResolvers<Error>();
  state.server = await explained(loaded, ["listen", "tlsListen"], () =>
    startServer({
      engine,
      authenticator: users,
      limits: limitsOf(settings),
      listen,
      onEvent: (event) => {
        onEvent(event);
        if (event.type !== "server.failed") return;
        state.unavailableBecause = `the disk failed: ${event.error.message}`;
        fail(event.error);
      },
    }),
  );
  const { server } = state;
  opened.push((deadlineMs) => server.close({ deadlineMs }));
  state.unavailableBecause = null;
  for (const address of plainExposed(loaded))
    onEvent({ type: "broker.exposed", level: "warn", address: shownAddress(address) });
  return {
    dataDir,
    usersFile: users.file,
    get userNames() {
      return users.names;
    },
    virtualHosts,
    addresses: server.addresses,
    healthAddresses: health.addresses,
    failed,
    reload: async () => {
      await Promise.all([users.reload(), reloadTls(loaded, server, onEvent)]);
    },
    close: ({ deadlineMs }) => {
      state.unavailableBecause ??= "it is being stopped";
      return close(deadlineMs);
    },
  };
}

/** What the health page looks at; it is there before, and longer than, the rest. */
interface State {
  unavailableBecause: string | null;
  engine?: QueueEngine;
  server?: RunningServer;
}

async function statusOf({ unavailableBecause, engine, server }: State) {
  if (engine === undefined || server === undefined)
    throw new Error(unavailableBecause ?? "it is being started");
  return { unavailableBecause, server: server.report(), engine: await engine.report() };
}

async function listenOn(loaded: LoadedSettings): Promise<readonly ListenOn[]> {
  const { listen, tlsListen } = loaded.settings;
  const tls = await loadTls(loaded);
  return [...listen, ...tlsListen.map((address) => (tls === undefined ? address : { ...address, tls }))];
}

async function reloadTls(
  loaded: LoadedSettings,
  server: RunningServer,
  onEvent: BrokerEventListener,
): Promise<void> {
  try {
    const tls = await loadTls(loaded);
    if (tls === undefined) return;
    server.replaceCertificates(tls);
    onEvent({ type: "tls.reloaded", level: "info" });
  } catch (error) {
    onEvent({ type: "tls.refused", level: "error", error: error as Error });
  }
}

async function createVirtualHosts(
  engine: QueueEngine,
  wanted: readonly string[],
  onEvent: BrokerEventListener,
): Promise<readonly string[]> {
  for (const virtualHost of engine.virtualHostNames()) {
    if (!wanted.includes(virtualHost))
      onEvent({ type: "broker.virtual-host-left", level: "warn", virtualHost });
  }
  for (const name of wanted) await engine.createVirtualHost(name);
  return engine.virtualHostNames();
}

/** Errors of a folder that cannot be one of data. */
const UNUSABLE: readonly unknown[] = ["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST", "ENAMETOOLONG"];

/** A folder that cannot be written to is a wrong setting: says where it was given. */
async function openedIn<T>({ sourceOf, settings }: LoadedSettings, open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (cause) {
    if (!UNUSABLE.includes((cause as NodeJS.ErrnoException).code)) throw cause;
    const message = `${sourceOf("dataDir")}: ${settings.dataDir} cannot be used: ${String(cause)}. Give a folder that this user may write to.`;
    throw new WaybillError("OPTIONS_INVALID", message, { cause });
  }
}

/** An address that cannot be listened on is a wrong setting: says where it was given. */
async function explained<T>(
  { sourceOf, settings }: LoadedSettings,
  names: readonly ("listen" | "tlsListen" | "healthListen")[],
  listen: () => Promise<T>,
): Promise<T> {
  try {
    return await listen();
  } catch (cause) {
    const { syscall, code, address, port } = cause as NodeJS.ErrnoException & {
      address?: string;
      port?: number;
    };
    if (syscall !== "listen" && syscall !== "getaddrinfo") throw cause;
    const isTheOne = (name: SettingName & (typeof names)[number]): boolean =>
      settings[name].some((given) => given.port === port);
    const name = names.find(isTheOne) ?? names[0] ?? "listen";
    const where =
      address === undefined
        ? String(cause)
        : `${shownAddress({ host: address, port: port ?? 0 })} (${code ?? ""})`;
    const message = `${sourceOf(name)}: cannot listen on ${where}. Give another address to ${flagOf(name)}, or end what uses it.`;
    throw new WaybillError("OPTIONS_INVALID", message, { cause });
  }
}

function usersEvent({ users, error }: UsersReloaded): BrokerEvent {
  return error === undefined
    ? { type: "users.reloaded", level: "info", users }
    : { type: "users.refused", level: "error", error };
}
