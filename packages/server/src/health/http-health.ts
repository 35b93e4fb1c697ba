import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ListenAddress } from "../config/values.ts";
import { metricsText } from "./metrics-text.ts";
import { queuesJson } from "./queues-json.ts";
import type { BrokerStatus } from "./broker-status.ts";

const CONNECTIONS_MAX = 64;
const REQUEST_TIMEOUT_MS = 5_000;

/** The page that answers questions about the broker. */
export interface RunningHealth {
  readonly addresses: readonly ListenAddress[];
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/**
 * Answers `GET /health` (200, or 503 with the reason), `/metrics` (Prometheus' text) and `/queues` (JSON). Nothing can be
 * changed through it. It asks for no password: whoever reaches the address learns names and sizes of queues.
 *
 * @throws what Node's `listen` throws
 */
export async function startHealth(
  listen: readonly ListenAddress[],
  status: () => Promise<BrokerStatus>,
): Promise<RunningHealth> {
  const ask = singleFlight(status);
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(servers.map(closed));
  };
  try {
    for (const address of listen) servers.push(await open(address, ask));
  } catch (error) {
    await close();
    throw error;
  }
  return { addresses: servers.map(boundTo), close };
}

async function open({ host, port }: ListenAddress, status: () => Promise<BrokerStatus>): Promise<Server> {
  const server = createServer(
    {
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: REQUEST_TIMEOUT_MS,
    },
    (request, response) => void respond(request, response, status),
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.listen(port, host);
  await once(server, "listening");
  return server;
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  status: () => Promise<BrokerStatus>,
): Promise<void> {
  const { status: code, type, body } = await answerTo(request, status);
  response.writeHead(code, {
    "content-type": type,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

async function answerTo(request: IncomingMessage, status: () => Promise<BrokerStatus>): Promise<Answer> {
  if (request.method !== "GET" && request.method !== "HEAD") return plain(405, "only GET and HEAD\n");
  const path = request.url?.split("?")[0];
  try {
    if (path === "/health") return health(await status());
    if (path === "/metrics") {
      const type = "text/plain; version=0.0.4; charset=utf-8";
      return { status: 200, type, body: metricsText(await status()) };
    }
    if (path === "/queues") return json(200, queuesJson(await status()));
  } catch (error) {
    return json(503, { status: "down", reason: `the broker cannot tell how it is: ${String(error)}` });
  }
  return plain(404, "there are /health, /metrics and /queues\n");
}

/** A broker whose publishers wait is up: consumers are what helps it, and a restart is not. */
function health({ unavailableBecause, engine }: BrokerStatus): Answer {
  if (unavailableBecause !== null) return json(503, { status: "down", reason: unavailableBecause });
  if (engine.blockedBy !== null) return json(200, { status: "blocked", reason: engine.blockedBy });
  return json(200, { status: "up" });
}

function json(status: number, content: unknown): Answer {
  return { status, type: "application/json; charset=utf-8", body: `${JSON.stringify(content)}\n` };
}

function plain(status: number, body: string): Answer {
  return { status, type: "text/plain; charset=utf-8", body };
}

/** Whoever asks while an answer is on its way gets that one: a flood of requests costs as much as one after the other. */
function singleFlight<T>(ask: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => {
    running ??= ask().finally(() => (running = undefined));
    return running;
  };
}

function boundTo(server: Server): ListenAddress {
  const { address, port } = server.address() as AddressInfo;
  return { host: address, port };
}

async function closed(server: Server): Promise<void> {
  const end = once(server, "close");
  server.close();
  server.closeAllConnections();
  await end;
}
