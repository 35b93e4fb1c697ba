import { once } from "node:events";
import { connect } from "node:net";

/** What a client of a broker says first. */
export const hellos = {
  rabbitmq: Buffer.from("AMQP\0\0\x09\x01", "latin1"),
  // ApiVersions, version 0, correlation id 7, no client id.
  kafka: Buffer.from("0000000a0012000000000007ffff", "hex"),
} as const;

/** Whether a broker on a port of the loopback interface answers the first bytes of a client in time. */
export async function greets(port: number, hello: Buffer, timeoutMs: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    socket.write(hello);
    await once(socket, "data", { signal: AbortSignal.timeout(timeoutMs) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
