import { randomBytes } from "node:crypto";

/** Requests to the HTTP API of RabbitMQ's management plugin. `url` carries user and password. */
export async function askManagement<T>(
  url: string,
  method: "GET" | "PUT" | "DELETE",
  path: string,
  body?: object,
): Promise<T> {
  const { origin, username, password } = new URL(url);
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  const response = await fetch(`${origin}/api/${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(credentials).toString("base64")}`,
      "content-type": "application/json",
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${origin}/api/${path}: ${response.status} ${text}`);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

export async function rabbitmqVersion(managementUrl: string): Promise<string> {
  const overview = await askManagement<{ rabbitmq_version: string }>(managementUrl, "GET", "overview");
  return overview.rabbitmq_version;
}

/** Makes a virtual host with a name of its own for one test, in which the user of `managementUrl` may do everything. */
export async function makeTestVhost(managementUrl: string): Promise<string> {
  const name = `test-${randomBytes(8).toString("hex")}`;
  await putVhost(managementUrl, name);
  return name;
}

async function putVhost(managementUrl: string, name: string): Promise<void> {
  const user = new URL(managementUrl).username;
  await askManagement(managementUrl, "PUT", `vhosts/${encodeURIComponent(name)}`, {});
  const all = { configure: ".*", write: ".*", read: ".*" };
  await askManagement(managementUrl, "PUT", `permissions/${encodeURIComponent(name)}/${user}`, all);
}

/** Removes a virtual host with all that is in it, and closes its connections. */
export async function deleteVhost(managementUrl: string, name: string): Promise<void> {
  await askManagement(managementUrl, "DELETE", `vhosts/${encodeURIComponent(name)}`);
}

/** `url` with another virtual host. */
export function withVhost(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${encodeURIComponent(name)}`;
  return changed.href;
}
