/** A request to the HTTP API of RabbitMQ's management plugin. `url` carries user and password. */
async function ask(url: string, path: string, post?: string): Promise<unknown> {
  const { origin, username, password } = new URL(url);
  const response = await fetch(`${origin}/api/${path}`, {
    headers: {
      authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`,
      "content-type": "application/json",
    },
    ...(post === undefined ? {} : { method: "POST", body: post }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${origin}/api/${path}: ${response.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

/** Adds what is in a file of definitions, as `rabbitmqctl import_definitions` does. */
export async function importDefinitions(managementUrl: string, definitions: string): Promise<void> {
  await ask(managementUrl, "definitions", definitions);
}

/** Publishes an empty message to the exchange `waybill`, as a program that knows nothing of Waybill. */
export async function publishBare(managementUrl: string, routingKey: string): Promise<void> {
  const message = {
    properties: { delivery_mode: 2 },
    routing_key: routingKey,
    payload: "",
    payload_encoding: "string",
  };
  await ask(managementUrl, "exchanges/%2f/waybill/publish", JSON.stringify(message));
}

/** The name of the node where the leader of a queue in the default virtual host is. */
export async function leaderOf(managementUrl: string, queue: string): Promise<string> {
  const found = (await ask(managementUrl, `queues/%2f/${encodeURIComponent(queue)}`)) as { leader: string };
  return found.leader;
}

/** How many messages are in a queue of the default virtual host. */
export async function messagesIn(managementUrl: string, queue: string): Promise<number> {
  const found = (await ask(managementUrl, `queues/%2f/${encodeURIComponent(queue)}`)) as {
    messages?: number;
  };
  return found.messages ?? 0;
}

/** Whether this node sees that all `count` nodes run, without a partition between them. */
export async function seesAll(managementUrl: string, count: number): Promise<boolean> {
  const nodes = (await ask(managementUrl, "nodes")) as { running: boolean; partitions?: unknown[] }[];
  return (
    nodes.length === count &&
    nodes.every(({ running, partitions = [] }) => running && partitions.length === 0)
  );
}
