import { amqplibClient } from "./broker-amqplib-client.ts";
import { frameClient } from "./broker-frame-client.ts";
import type { Load, LoadClient } from "./broker-load.ts";

export function clientOf({ client }: Load): LoadClient {
  return client === "frames" ? frameClient : amqplibClient;
}
