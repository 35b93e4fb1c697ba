import { once } from "node:events";
import { createServer } from "node:net";

// Below the range from which Linux takes the ports of outgoing connections: a server that is down for a while finds its
// port free when it comes back.
const lowest = 15_000;
const highest = 32_000;
const attemptsMax = 1_000;

/** Different TCP ports of the loopback interface that nobody uses. Somebody may take one: be ready to try again. */
export async function servicePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let attempt = 1; ports.size < count; attempt += 1) {
    if (attempt > attemptsMax) throw new Error(`no ${count} free ports from ${lowest} to ${highest}`);
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
