import { once } from "node:events";
import { connect } from "node:net";

/** Whether something listens on a port of the loopback interface. */
export async function acceptsConnections(port: number, host = "127.0.0.1"): Promise<boolean> {
  const socket = connect(port, host);
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(2_000) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
